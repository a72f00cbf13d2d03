SELECT orders.id, orders.ordered_at, customers.region, COUNT(items.id) AS items, SUM(items.quantity * items.price_yen) AS total_yen
FROM orders
JOIN customers ON customers.id = orders.customer_id
JOIN items ON items.order_id = orders.id
GROUP BY orders.id
ORDER BY orders.id
