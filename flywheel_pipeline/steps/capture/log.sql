-- The account of every landing file: rows in = rows out + duplicates + rejects. `n_rows_in` was counted while reading,
-- all else is counted where it is stored. A file touches the days of its traces and, because traces are resolved
-- across files and feedback joins them, the days of other rows with the same trace id (with 0 traces).
with stored as (
    select source_file, sum(n_rows) as n_rows from captured_traces group by source_file
),
opinions as (
    select
        source_file, count(*) as n, sum(n_rows) as n_rows,
        count(*) filter (given_by = 'user' and verdict is null and (value is not null or label is not null)) as n_unscaled
    from judged group by source_file
),
refused as (
    select file as source_file, count(*) as n from rejects where source = 'traces' group by file
),
again as (
    select
        source_file, sum(n_rows) filter (is_duplicate) as n_rows, count(*) filter (is_duplicate) as n_traces
    from superseded group by source_file
),
other as (
    select source_file, sum(n_rows) as n_rows from confused group by source_file
),
touched as (
    select source_file, strftime(started_at, '%Y-%m-%d') as day, count(*) as n from captured_traces group by all
    union all
    select a.source_file, strftime(b.started_at, '%Y-%m-%d'), 0
    from captured_traces a join captured_traces b using (trace_id)
    where trace_id in (select trace_id from superseded)
    union all
    select f.source_file, strftime(t.started_at, '%Y-%m-%d'), 0 from feedback f join captured_traces t using (trace_id)
),
days as (
    select source_file, '{' || string_agg(format('"{}": {}', day, n), ', ' order by day) || '}' as days, sum(n) as n_traces
    from (select source_file, day, sum(n)::bigint as n from touched group by all)
    group by source_file
)
select
    f.source_file, f.fingerprint, f.source_format, f.n_bytes, f.n_rows_in,
    coalesce(s.n_rows, 0) + coalesce(o.n_rows, 0) - coalesce(g.n_rows, 0) as n_rows_out,
    coalesce(d.n_traces, 0) - coalesce(g.n_traces, 0) as n_traces,
    coalesce(o.n, 0) as n_feedback,
    coalesce(o.n_unscaled, 0) as n_unscaled,
    f.n_repeated + coalesce(g.n_rows, 0) - coalesce(x.n_rows, 0) as n_duplicates,
    coalesce(r.n, 0) as n_rejects,
    f.n_fields_dropped, f.redacted, coalesce(d.days, '{}') as days
from captured_files f
left join stored s using (source_file)
left join opinions o using (source_file)
left join refused r using (source_file)
left join again g using (source_file)
left join other x using (source_file)
left join days d using (source_file)
order by f.source_file
