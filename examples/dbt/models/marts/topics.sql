select topic, count(*) as reviews, count(*) filter (where sentiment = 'negative') as negative
from {{ ref('review_topics') }}
where topic is not null
group by topic
