-- The rows of an event day of raw_traces: captured rows that count, and traces joined from several pieces (`joined`),
-- each with the feedback and scores that its users, annotators and evaluators gave (judged.sql). Ordered by nothing:
-- readers order what they need.
with counted as (
    select * exclude (n_rows, spans) from captured_traces
    anti join superseded using (trace_id, source_file, source_line)
    where started_at >= $day::date and started_at < $day::date + interval 1 day
    union all by name
    select * exclude (n_rows, spans) from joined
    where started_at >= $day::date and started_at < $day::date + interval 1 day
)
select
    t.* replace (
        o.score as feedback_score,
        o.comment as feedback_comment,
        case when n.tags is null then t.tags else json_merge_patch(n.tags, t.tags) end as tags
    )
from counted t left join opinion o using (trace_id) left join named n using (trace_id)
