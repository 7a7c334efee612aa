create table orders (id int generated always as identity primary key, what text not null);
insert into orders (what) values ('tea'), ('coffee');
