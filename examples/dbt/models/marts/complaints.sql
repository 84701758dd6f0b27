{{ config(meta={'ai_budget_usd': 0.5}) }}
-- The filter comes before the question: only negative reviews are asked about. A review that cannot be answered keeps
-- its reason instead of failing the model.
with asked as (
    select
        review_id,
        topic,
        ai_query(
            'reviewer',
            'What went wrong, how bad is it from 1 to 5, and what should the shop do? ' || body,
            returnType => 'STRUCT<what: STRING, severity: INT, remedy: STRING>',
            failOnError => false
        ) as answer
    from {{ ref('review_topics') }}
    where sentiment = 'negative'
)

select
    review_id,
    topic,
    answer.response.what as what,
    answer.response.severity as severity,
    answer.response.remedy as remedy,
    answer.errorMessage as problem
from asked
