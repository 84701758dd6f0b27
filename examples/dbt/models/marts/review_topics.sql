{{
    config(
        materialized='incremental',
        unique_key='review_id',
        incremental_strategy='delete+insert',
        meta={'ai_budget_usd': 1.0}
    )
}}
-- Each run asks about new reviews only; equal reviews are one question, whenever they were written.
select
    review_id,
    written_on,
    body,
    ai_classify(body, ['delivery', 'quality', 'price', 'service']) as topic,
    ai_analyze_sentiment(body) as sentiment
from {{ ref('stg_reviews') }}
{% if is_incremental() %}
where review_id > (select coalesce(max(review_id), 0) from {{ this }})
{% endif %}
