import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';

import { migrate, query, reset } from './database.mjs';

let migrated;
before(() => { migrated = migrate(); });
beforeEach(() => reset(migrated));

test('an order is added', () => {
    query("insert into orders (what) values ('cake')");
    assert.equal(query('select count(*) from orders'), '3');
});

test('all orders are deleted', () => {
    query('drop table orders');
    assert.equal(query("select to_regclass('orders') is null"), 't');
});

test('no test sees what another did', () => {
    assert.equal(query("select string_agg(what, ' ' order by id), sum(price) from orders"), 'tea coffee|6');
});
