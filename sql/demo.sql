-- name: summarise
SELECT product, count(*) AS reviews,
       ai_query('demo', 'Summarise in seven words:' || chr(10) || string_agg(DISTINCT review, ' ' ORDER BY review)) AS summary
FROM reviews
GROUP BY product
ORDER BY product;

-- name: classify
SELECT ai_query('demo', 'Classify as billing, delivery, defect, question or praise. One word:' || chr(10) || message) AS topic,
       count(*) AS tickets, min(opened) AS first
FROM tickets
GROUP BY topic
ORDER BY tickets DESC;

-- name: extract
-- The schema goes with the question, so that a real model answers in this shape too.
SELECT product, stars, facts.complaint, facts.days
FROM (
    SELECT product, stars,
           ai_query('demo', 'Extract product, complaint and days as JSON:' || chr(10) || review,
                    responseFormat => 'STRUCT<facts: STRUCT<product: STRING, complaint: BOOLEAN, days: INT>>') AS facts
    FROM reviews
)
WHERE facts.days > 5
ORDER BY stars, facts.days DESC, product;
