-- What an event day of raw_traces holds beside the row groups that it takes over (whole.sql): the other captured rows
-- that count (`rest`), the traces joined of pieces (`joined`), each with what was said of it (judged.sql). The
-- order is that of the files and, within a block of one, of time.
with counted as (
    select * exclude (n_rows, spans) from rest
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
