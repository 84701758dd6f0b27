-- An empty review becomes NULL: a NULL request asks nothing.
select review_id, written_on, nullif(trim(body), '') as body
from {{ ref('reviews') }}
