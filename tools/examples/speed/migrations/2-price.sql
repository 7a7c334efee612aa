alter table orders add price int not null default 3;
