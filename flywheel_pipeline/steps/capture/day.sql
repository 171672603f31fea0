-- The rows of an event day of raw_traces: captured rows that count, and traces joined from several pieces (`joined`),
-- each with the newest feedback that arrived for it. Ordered by nothing: readers order what they need.
with opinion as (
    select
        trace_id,
        arg_max(score, (given_at, source_file, source_line)) as score,
        arg_max(comment, (given_at, source_file, source_line)) as comment
    from feedback group by trace_id
),
counted as (
    select * exclude (n_rows, spans) from captured_traces
    anti join superseded using (trace_id, source_file, source_line)
    where started_at >= $day::date and started_at < $day::date + interval 1 day
    union all by name
    select * exclude (n_rows, spans) from joined
    where started_at >= $day::date and started_at < $day::date + interval 1 day
)
select
    t.* replace (
        coalesce(o.score, t.feedback_score) as feedback_score, coalesce(o.comment, t.feedback_comment) as feedback_comment
    )
from counted t left join opinion o using (trace_id)
