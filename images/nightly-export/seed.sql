CREATE TABLE customers (id INTEGER PRIMARY KEY, region TEXT NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers (id), ordered_at TEXT NOT NULL);
CREATE TABLE items (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders (id), quantity INTEGER NOT NULL, price_yen INTEGER NOT NULL);
INSERT INTO customers VALUES (1, 'Kanto'), (2, 'Kansai'), (3, 'Hokkaido');
INSERT INTO orders VALUES
    (1001, 1, '2026-11-21T23:58:10+09:00'),
    (1002, 2, '2026-11-22T00:03:44+09:00'),
    (1003, 1, '2026-11-22T12:30:00+09:00'),
    (1004, 3, '2026-11-22T18:45:21+09:00');
INSERT INTO items VALUES
    (1, 1001, 2, 1200), (2, 1001, 1, 480),
    (3, 1002, 1, 9800),
    (4, 1003, 10, 150), (5, 1003, 1, 3300), (6, 1003, 2, 700),
    (7, 1004, 3, 2500);
