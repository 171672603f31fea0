-- The traces that may be sampled in a window of days, with their risk: what is known without a model.
-- An outlier is more than 3 robust standard deviations (1.4826 * MAD) above the median.
-- Of many traces, flagged or ordinary, an even share is kept (`kept`), by the hash of id and seed.
with chosen as (
    select
        trace_id, input, n_turns, coalesce(latency_ms, 0) as latency_ms, length(messages) as size,
        coalesce(feedback_score < 0.5, false) as thumbs_down, error is not null as failed, output is null as silent
    from raw_traces
    where started_at >= ?::date and started_at < ?::date + interval 1 day and input != ''
),
spread as (
    select
        median(n_turns) as turns, mad(n_turns) as turns_mad,
        median(latency_ms) as latency, mad(latency_ms) as latency_mad,
        median(size) as size, mad(size) as size_mad
    from chosen
),
judged as (
    select
        c.trace_id, c.input, c.thumbs_down, c.failed, c.silent, c.n_turns,
        c.n_turns > s.turns + 3 * 1.4826 * greatest(s.turns_mad, 0.5) as many_turns,
        c.latency_ms > s.latency + 3 * 1.4826 * s.latency_mad and s.latency_mad > 0 as slow,
        c.size > s.size + 3 * 1.4826 * s.size_mad and s.size_mad > 0 as long
    from chosen c cross join spread s
),
placed as (
    select
        *, count(*) over part as n_part,
        row_number() over (part order by md5(trace_id || '-' || ?::varchar), trace_id) as place
    from judged
    window part as (partition by thumbs_down or failed or silent or many_turns or slow or long)
)
select
    trace_id, input, thumbs_down, failed, silent, n_turns, many_turns, slow, long,
    least(1.0, ?::double / n_part) as kept
from placed
where place <= ?
order by trace_id
