def test_an_order_is_added(database):
    database("insert into orders (what) values ('cake')")
    assert database("select count(*) from orders") == "3"


def test_all_orders_are_deleted(database):
    database("drop table orders")
    assert database("select to_regclass('orders') is null") == "t"


def test_no_test_sees_what_another_did(database):
    assert database("select string_agg(what, ' ' order by id), sum(price) from orders") == "tea coffee|6"
