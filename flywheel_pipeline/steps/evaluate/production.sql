-- The traces that are judged: of every day of a window a simple random sample, and all of $labelled, from any day.
-- The places of a day's traces are those of the hashes of id and seed, so that the same traces are drawn every night and
-- a larger sample contains the smaller one; a trace that arrives late may take the place of another one.
-- `probability` is empty, and `n_day` 0, for a trace that is judged only because it is labelled.
with placed as (
    select
        trace_id, count(*) over (partition by started_at::date) as n_day,
        row_number() over (partition by started_at::date order by md5(trace_id || '-' || $seed::varchar), trace_id) as place
    from raw_traces
    where started_at >= $since::date and started_at < $until::date + interval 1 day and input != ''
),
drawn as (select trace_id, n_day, least(1.0, $size / n_day) as probability from placed where place <= $size)
select
    r.trace_id, r.started_at::date::varchar as day, d.probability, coalesce(d.n_day, 0) as n_day, r.prompt_version, r.session_id, r.messages,
    r.retrieved, r.output
from raw_traces r left join drawn d using (trace_id)
where d.trace_id is not null or r.trace_id in (select unnest($labelled::varchar[]))
order by day desc, r.trace_id
