-- Calls in the shape of Databricks' documentation, in our own words, with the types that it documents.
-- `spelling: databricks` marks text that DuckDB cannot read as it stands: it runs through `translate`. All others run both
-- as they are and translated. `reply` is what the model says; without one it says `echo: ...` or an instance of the
-- schema. `types` are those of the last statement's columns.

-- name: tables
CREATE OR REPLACE TABLE reviews (id INT, product VARCHAR, review VARCHAR, stars INT, lang VARCHAR, tags VARCHAR[]);
INSERT INTO reviews VALUES (1, 'lamp', 'Bright and cheap', 5, 'en', ['light', 'home']),
    (2, 'lamp', 'Broke after a week', 1, 'en', ['light']), (3, 'rug', 'Schöne Farben', 4, 'de', ['home']);
CREATE OR REPLACE TABLE inbox (received TIMESTAMP, sender VARCHAR, body VARCHAR);
INSERT INTO inbox VALUES ('2026-01-02 03:04:05', 'ann@example.org', 'You have won'), ('2026-01-03', 'bob@example.org', 'Lunch?');
CREATE OR REPLACE TABLE sales (week DATE, region VARCHAR, units INT);
INSERT INTO sales VALUES ('2026-01-05', 'north', 10), ('2026-01-12', 'south', 12);
CREATE OR REPLACE TABLE calls (id INT, transcript VARCHAR);
INSERT INTO calls VALUES (1, 'Caller Ann Lee of 12 Elm St asks for a refund'), (2, NULL);
CREATE OR REPLACE TABLE pictures (path VARCHAR, content BLOB);
INSERT INTO pictures VALUES ('a.png', '\x89PNG\x0D\x0A\x1A\x0A'::BLOB);

-- name: query_constant
-- types: VARCHAR
SELECT ai_query('chat', 'Explain a lakehouse in one line.') AS summary;

-- name: query_double_quotes
-- spelling: databricks
-- types: VARCHAR
SELECT ai_query("chat", "Explain a lakehouse in one line.") AS summary;

-- name: query_concat_over_a_table
-- types: INTEGER | VARCHAR
SELECT id, ai_query('chat', CONCAT('Shorten: ', review)) AS short FROM reviews LIMIT 2;

-- name: query_pipes_over_a_table
-- spelling: databricks
-- types: VARCHAR | VARCHAR
SELECT review, ai_query('chat', "Shorten: " || review) AS short FROM reviews;

-- name: query_named_arguments
-- types: VARCHAR
SELECT ai_query(endpoint => 'chat', request => 'Shorten: ' || review) AS short FROM reviews;

-- name: query_whole_row_and_answer
-- types: INTEGER | VARCHAR | VARCHAR | INTEGER | VARCHAR | VARCHAR[] | VARCHAR
SELECT *, ai_query('chat', 'Reply to this customer: ' || review) AS reply FROM reviews;

-- name: query_backticks
-- spelling: databricks
-- types: VARCHAR
SELECT ai_query('chat', `review`) AS `the answer` FROM `reviews` WHERE `lang` = 'de';

-- name: query_parameters
-- types: VARCHAR
SELECT ai_query('chat', 'Name a colour.', modelParameters => named_struct('max_tokens', 100, 'temperature', 0.7)) AS c;

-- name: query_parameters_with_stop
-- spelling: databricks
-- types: VARCHAR
SELECT ai_query(
  'chat', 'Count.', modelParameters => named_struct('max_tokens', 64, 'temperature', 0.0, 'top_p', 0.9, 'stop', ARRAY('.', ';'))
) AS counted;

-- name: query_fail_on_error
-- types: INTEGER | STRUCT(response VARCHAR, errorMessage VARCHAR)
SELECT id, ai_query('chat', review, failOnError => false) AS r FROM reviews;

-- name: query_fail_on_error_fields
-- types: VARCHAR | VARCHAR
SELECT r.response, r.errorMessage FROM (SELECT ai_query('chat', review, failOnError => false) AS r FROM reviews);

-- name: query_fail_on_error_status
-- spelling: databricks
-- types: VARCHAR | VARCHAR
SELECT r.response, r.errorStatus FROM (SELECT ai_query('chat', review, failOnError => false) AS r FROM reviews);

-- name: query_keep_what_succeeded
-- types: INTEGER | VARCHAR
WITH asked AS (SELECT id, ai_query('chat', review, failOnError => false) AS r FROM reviews)
SELECT id, r.response FROM asked WHERE r.errorMessage IS NULL;

-- name: query_return_type
-- reply: {"city": "Oslo", "people": 700000}
-- types: STRUCT(city VARCHAR, people BIGINT)
SELECT ai_query('chat', 'Largest city of Norway as JSON', returnType => 'STRUCT<city: STRING, people: BIGINT>') AS city;

-- name: query_return_type_by_position
-- reply: true
-- types: VARCHAR | BOOLEAN
SELECT body, ai_query('chat', 'Is it spam? ' || body, 'BOOLEAN') AS spam FROM inbox;

-- name: query_four_positions
-- reply: 3
-- types: STRUCT(response INTEGER, errorMessage VARCHAR)
SELECT ai_query('chat', 'How many? ' || review, 'INT', false) AS n FROM reviews;

-- name: query_return_type_fields
-- reply: {"topic": "quality", "words": ["bright"]}
-- types: VARCHAR | VARCHAR[]
SELECT a.topic, a.words
FROM (SELECT ai_query('chat', review, returnType => 'STRUCT<topic: STRING, words: ARRAY<STRING>>') AS a FROM reviews);

-- name: query_return_type_from_an_example
-- spelling: databricks
-- reply: {"topic": "quality", "score": 2}
-- types: STRUCT(topic VARCHAR, score BIGINT)
SELECT ai_query('chat', review, returnType => schema_of_json('{"topic": "x", "score": 1}')) AS a FROM reviews;

-- name: query_map
-- reply: {"light": 0.5}
-- types: MAP(VARCHAR, DOUBLE)
SELECT ai_query('chat', review, returnType => 'MAP<STRING, DOUBLE>') AS weights FROM reviews;

-- name: query_format_ddl
-- reply: {"title": "On lamps", "authors": ["Ann"], "keywords": []}
-- types: STRUCT(title VARCHAR, authors VARCHAR[], keywords VARCHAR[])
SELECT ai_query(
  'chat', 'Take the parts of this paper: ' || review,
  responseFormat => 'STRUCT<paper: STRUCT<title: STRING, authors: ARRAY<STRING>, keywords: ARRAY<STRING>>>'
) AS paper FROM reviews;

-- name: query_format_ddl_and_failures
-- types: STRUCT(response STRUCT(intent VARCHAR, context VARCHAR), errorMessage VARCHAR)
SELECT ai_query(
  'chat', 'What does the caller want? ' || transcript,
  responseFormat => 'STRUCT<analysis: STRUCT<intent: STRING, context: STRING>>', failOnError => false
) AS intent FROM calls;

-- name: query_format_ddl_typed_again
-- spelling: databricks
-- types: STRUCT(mood VARCHAR)
SELECT from_json(to_json(ai_query('chat', review, responseFormat => 'STRUCT<r: STRUCT<mood: STRING>>')), 'STRUCT<mood: STRING>')
FROM reviews;

-- name: query_format_many_fields
-- types: STRUCT(title VARCHAR, price DOUBLE)
SELECT ai_query('chat', review, responseFormat => 'STRUCT<title: STRING, price: DOUBLE>') AS facts FROM reviews;

-- name: query_format_schema
-- types: VARCHAR
SELECT ai_query(
  'chat', 'Take the parts of this review: ' || review,
  responseFormat => '{"type": "json_schema", "json_schema": {"name": "parts", "strict": true, "schema": {
    "type": "object", "properties": {"good": {"type": "string"}, "bad": {"type": "string"}}, "required": ["good", "bad"],
    "additionalProperties": false}}}'
) AS parts FROM reviews;

-- name: query_format_schema_then_from_json
-- spelling: databricks
-- types: STRUCT(good VARCHAR)
SELECT from_json(
  ai_query('chat', review, responseFormat => '{"type": "json_schema", "json_schema": {"name": "parts", "schema": {
    "type": "object", "properties": {"good": {"type": "string"}}}}}'),
  'STRUCT<good: STRING>'
) AS parts FROM reviews;

-- name: query_format_object
-- types: VARCHAR
SELECT ai_query('chat', 'As JSON: ' || review, responseFormat => '{"type": "json_object"}') AS j FROM reviews;

-- name: query_format_text
-- types: VARCHAR
SELECT ai_query('chat', review, responseFormat => 'text') AS t FROM reviews;

-- name: query_path_into_json
-- spelling: databricks
-- reply: {"mood": {"word": "glad", "score": 3}}
-- types: VARCHAR | INTEGER
SELECT j:mood.word, j:mood.score::int FROM (SELECT ai_query('chat', review) AS j FROM reviews);

-- name: query_files_of_a_table
-- types: VARCHAR | VARCHAR
SELECT path, ai_query('chat', 'What is in this picture?', files => content) AS seen FROM pictures;

-- name: query_files_with_a_schema
-- reply: {"title": "A lamp", "colours": ["red"]}
-- types: VARCHAR | STRUCT(title VARCHAR, colours VARCHAR[])
SELECT path, ai_query(
  'chat', 'Describe the picture.', files => content,
  responseFormat => 'STRUCT<picture: STRUCT<title: STRING, colours: ARRAY<STRING>>>'
) AS seen FROM pictures;

-- name: query_custom_model
-- reply: true
-- types: VARCHAR | BOOLEAN
SELECT body, ai_query(
  endpoint => 'custom', request => named_struct('at', received, 'sender', sender, 'body', body), returnType => 'BOOLEAN'
) AS spam FROM inbox LIMIT 10;

-- name: query_custom_model_whole_row
-- spelling: databricks
-- reply: 12.5
-- types: DATE | FLOAT
SELECT week, ai_query('custom', request => struct(*), returnType => 'FLOAT') AS forecast FROM sales;

-- name: query_custom_model_named_columns
-- spelling: databricks
-- reply: 12.5
-- types: FLOAT
SELECT ai_query('custom', struct(region, units AS sold), returnType => 'FLOAT') AS forecast FROM sales;

-- name: query_custom_chat
-- spelling: databricks
-- reply: {"candidates": ["It learns."]}
-- types: STRUCT(candidates VARCHAR[])
SELECT ai_query(
  'custom', named_struct('messages', ARRAY(named_struct('role', 'user', 'content', 'What is ML?'))),
  returnType => 'STRUCT<candidates: ARRAY<STRING>>'
) AS said;

-- name: query_custom_model_one_column
-- reply: 7
-- types: INTEGER
SELECT ai_query('custom', units, returnType => 'INT') AS more FROM sales;

-- name: query_conversation
-- spelling: databricks
-- types: VARCHAR
SELECT ai_query('chat', ARRAY(named_struct('role', 'system', 'content', 'Be brief.'), named_struct('role', 'user', 'content', review)))
FROM reviews;

-- name: query_embedding
-- types: VARCHAR | FLOAT[]
SELECT review, ai_query('embed', review, returnType => 'ARRAY<FLOAT>') AS vector FROM reviews;

-- name: query_embedding_named
-- spelling: databricks
-- types: FLOAT[]
SELECT ai_query(endpoint => "embed", request => "What is Spark?", returnType => "ARRAY<FLOAT>") AS vector;

-- name: query_in_a_function
-- spelling: databricks
-- types: VARCHAR
CREATE OR REPLACE TEMPORARY FUNCTION tidy(t STRING) RETURNS STRING RETURN ai_query('chat', CONCAT('Correct: ', t));
SELECT tidy(review) FROM reviews;

-- name: query_in_a_function_with_a_comment
-- spelling: databricks
-- types: VARCHAR
CREATE OR REPLACE FUNCTION tidier(t STRING COMMENT 'the text') RETURNS STRING LANGUAGE SQL COMMENT 'tidies'
RETURN ai_query('chat', 'Correct: ' || t);
SELECT tidier(review) FROM reviews;

-- name: query_into_a_table
-- types: INTEGER | VARCHAR
CREATE OR REPLACE TABLE answers AS SELECT id, ai_query('chat', review) AS answer FROM reviews;
SELECT id, answer FROM answers;

-- name: query_into_a_delta_table
-- spelling: databricks
-- types: VARCHAR
CREATE OR REPLACE TABLE answers USING DELTA AS SELECT ai_query('chat', review) AS answer FROM reviews;
SELECT answer FROM answers;

-- name: query_only_new_rows
-- types: BIGINT
CREATE OR REPLACE TABLE done AS SELECT id, 'known' AS answer FROM reviews WHERE id < 3;
INSERT INTO done SELECT id, ai_query('chat', review) FROM reviews WHERE id NOT IN (SELECT id FROM done);
SELECT count(*) FROM done;

-- name: query_merge
-- types: VARCHAR
CREATE OR REPLACE TABLE target AS SELECT id, NULL::VARCHAR AS answer FROM reviews WHERE id < 3;
MERGE INTO target t USING reviews r ON t.id = r.id
WHEN MATCHED THEN UPDATE SET answer = ai_query('chat', r.review)
WHEN NOT MATCHED THEN INSERT (id, answer) VALUES (r.id, ai_query('chat', r.review));
SELECT answer FROM target;

-- name: query_update
-- types: VARCHAR
ALTER TABLE reviews ADD COLUMN answer VARCHAR;
UPDATE reviews SET answer = ai_query('chat', review) WHERE answer IS NULL;
SELECT answer FROM reviews;

-- name: query_over_groups
-- spelling: databricks
-- types: VARCHAR | VARCHAR
SELECT product, ai_query('chat', CONCAT('Common ground of: ', array_join(collect_list(review), '\n'))) AS themes
FROM reviews GROUP BY product;

-- name: query_exploded
-- spelling: databricks
-- types: INTEGER | VARCHAR
SELECT id, ai_query('chat', tag) AS about FROM reviews LATERAL VIEW explode(tags) AS tag;

-- name: query_exploded_in_from
-- spelling: databricks
-- types: INTEGER | VARCHAR
SELECT r.id, ai_query('chat', t.tag) AS about FROM reviews r, LATERAL explode(r.tags) AS t(tag);

-- name: query_over_values
-- spelling: databricks
-- types: VARCHAR
SELECT ai_query('chat', col1) FROM VALUES ('one'), ('two');

-- name: query_format_string
-- spelling: databricks
-- types: VARCHAR
SELECT ai_query('chat', format_string('%s got %d stars', product, stars)) FROM reviews;

-- name: query_named_parameter_of_a_prompt
-- types: VARCHAR
WITH prompts AS (SELECT 'Is this about light? ' AS prompt) SELECT ai_query('chat', prompt || review) FROM prompts, reviews;

-- name: sentiment_constant
-- types: VARCHAR
SELECT ai_analyze_sentiment('What a day!');

-- name: sentiment_over_a_table
-- types: VARCHAR | VARCHAR
SELECT review, ai_analyze_sentiment(review) AS sentiment FROM reviews;

-- name: sentiment_as_a_filter
-- types: INTEGER
SELECT id FROM reviews WHERE ai_analyze_sentiment(review) IN ('positive', 'negative', 'neutral', 'mixed');

-- name: sentiment_counted
-- types: VARCHAR | BIGINT
SELECT ai_analyze_sentiment(review) AS sentiment, count(*) FROM reviews GROUP BY sentiment;

-- name: classify_labels
-- spelling: databricks
-- types: VARCHAR
SELECT ai_classify("My key does not fit.", ARRAY("urgent", "not urgent"));

-- name: classify_over_a_table
-- spelling: databricks
-- types: VARCHAR | VARCHAR
SELECT product, ai_classify(review, ARRAY('light', 'textile', 'other')) AS kind FROM reviews LIMIT 2;

-- name: classify_json_labels
-- types: STRUCT(response VARCHAR[], error_message VARCHAR)
SELECT ai_classify(review, '["praise", "complaint"]') AS r FROM reviews;

-- name: classify_path
-- spelling: databricks
-- types: VARCHAR | VARCHAR
SELECT ai_classify(review, '["praise", "complaint"]'):response[0]::STRING, ai_classify(review, '["praise", "complaint"]'):error_message
FROM reviews;

-- name: classify_described_labels
-- types: STRUCT(response VARCHAR[], error_message VARCHAR)
SELECT ai_classify(review, '{"praise": "The buyer is glad", "complaint": "Something is wrong"}') AS r FROM reviews;

-- name: classify_options
-- spelling: databricks
-- types: STRUCT(response VARCHAR[], error_message VARCHAR)
SELECT ai_classify(
  review, '["price", "quality", "looks"]', MAP('version', '2.0', 'multilabel', 'true', 'instructions', 'Think of shops.')
) AS r FROM reviews;

-- name: extract_names
-- spelling: databricks
-- types: STRUCT(person VARCHAR, place VARCHAR)
SELECT ai_extract('Ann flew to Oslo on Monday.', ARRAY('person', 'place')) AS found;

-- name: extract_fields
-- spelling: databricks
-- types: VARCHAR | VARCHAR
SELECT e.person, e.address FROM (SELECT ai_extract(transcript, ARRAY('person', 'address')) AS e FROM calls);

-- name: extract_json_names
-- types: STRUCT(response STRUCT(person VARCHAR, wish VARCHAR), error_message VARCHAR)
SELECT ai_extract(transcript, '["person", "wish"]') AS e FROM calls;

-- name: extract_schema
-- types: STRUCT(response STRUCT(total DOUBLE, paid BOOLEAN, kind ENUM('a', 'b'), items STRUCT(sku VARCHAR, n BIGINT)[]), error_message VARCHAR)
SELECT ai_extract(transcript, '{
  "total": {"type": "number", "description": "in euros"}, "paid": {"type": "boolean"},
  "kind": {"type": "enum", "labels": ["a", "b"]},
  "items": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}, "n": {"type": "integer"}}}}
}') AS e FROM calls;

-- name: extract_path_and_options
-- spelling: databricks
-- types: VARCHAR | INTEGER
SELECT e:response.person, e:response.age::int FROM (
  SELECT ai_extract(transcript, '{"person": {"type": "string"}, "age": {"type": "integer"}}', MAP('instructions', 'Guess.')) AS e
  FROM calls
);

-- name: fix_grammar_constant
-- types: VARCHAR
SELECT ai_fix_grammar('This are a test.');

-- name: fix_grammar_over_a_table
-- types: VARCHAR | VARCHAR
SELECT review, ai_fix_grammar(review) AS better FROM reviews;

-- name: gen_constant
-- types: VARCHAR
SELECT ai_gen('A cheerful subject line for a sale of lamps');

-- name: gen_over_a_table
-- types: VARCHAR | VARCHAR
SELECT review, ai_gen('Answer this buyer: ' || review) AS answer FROM reviews LIMIT 2;

-- name: mask_constant
-- spelling: databricks
-- types: VARCHAR
SELECT ai_mask('Ann Lee lives in 12 Elm St; call 555-0100.', ARRAY('person', 'address', 'phone'));

-- name: mask_over_a_table
-- spelling: databricks
-- types: INTEGER | VARCHAR
SELECT id, ai_mask(transcript, ARRAY('person', 'address')) AS safe FROM calls;

-- name: similarity_constant
-- types: FLOAT
SELECT ai_similarity('a lamp', 'a light');

-- name: similarity_ranked
-- types: VARCHAR | FLOAT
SELECT product, ai_similarity(review, 'cheap and good') AS near FROM reviews ORDER BY near DESC LIMIT 1;

-- name: summarize_words
-- types: VARCHAR
SELECT ai_summarize('A lamp is a thing that gives light where there was none before.', 5);

-- name: summarize_default
-- types: INTEGER | VARCHAR
SELECT id, ai_summarize(transcript) AS short FROM calls;

-- name: summarize_without_limit
-- types: VARCHAR
SELECT ai_summarize(review, max_words => 0) FROM reviews;

-- name: translate_constant
-- spelling: databricks
-- types: VARCHAR
SELECT ai_translate("Good morning", "es");

-- name: translate_over_a_table
-- types: VARCHAR | VARCHAR
SELECT review, ai_translate(review, 'en') AS english FROM reviews WHERE lang <> 'en';

-- name: tasks_together
-- types: VARCHAR | VARCHAR | VARCHAR
SELECT ai_analyze_sentiment(review), ai_translate(ai_fix_grammar(review), 'fr'), ai_summarize(review, 5) FROM reviews;
