{# What this invocation asked and paid, one line a node: `on-run-end: "{{ ai_usage_report() }}"`. #}
{% macro ai_usage_report() %}
  {% if execute and flags.WHICH in ['run', 'build', 'test', 'snapshot'] %}
    {% set used = run_query(
      "select split_part(label, ' ', 1), sum(questions)::bigint, sum(cached)::bigint, sum(sent)::bigint, "
      ~ "sum(failed)::bigint, round(sum(cost_usd), 6) from ai_usage() where split_part(label, ' ', 2) = '"
      ~ invocation_id ~ "' group by all order by all"
    ) %}
    {% for node, questions, cached, sent, failed, cost in used.rows %}
      {% do log(
        "ai_usage " ~ node ~ ": " ~ questions ~ " questions, " ~ cached ~ " cached, " ~ sent ~ " sent, "
        ~ failed ~ " failed, $" ~ cost, info=true
      ) %}
    {% endfor %}
  {% endif %}
{% endmacro %}
