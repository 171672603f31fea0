-- The traces that may be sampled in a window of days, with the signals of their risk, known without a model.
-- One row stands for `n_like` near-duplicates: the same question, answer and signals, ignoring case and punctuation.
-- `known`: one of them was judged before, so none of them has to be drawn. A picked verdict does not count: it is in
-- no rate of traffic, and without the trace in the sample the rate would leave it out.
-- `doubted`: a test case with the same question fails, or a judge is not sure of it, with the prompt that is in production.
-- An outlier is more than 3 robust standard deviations (1.4826 * MAD) above the median.
-- Of many traces an even share is kept (`kept`) of each part, by the hash of id and seed; a part is a stratum's flagged
-- or its other traces, and has its share of $flagged or $ordinary rows, or $least.
with asked as (
    select
        trace_id, session_id, started_at, input, output, n_turns, n_tool_calls, coalesce(latency_ms, 0) as latency_ms,
        coalesce(cost_usd, 0) as cost_usd, length(messages) as size, coalesce(feedback_score < 0.5, false) as thumbs_down,
        error is not null as failed, output is null as silent, [{strata}]::varchar[] as strata
    from raw_traces
    where started_at >= $since::date and started_at < $until::date + interval 1 day and input != ''
),
-- A user who is not served asks again, with many of the same words: in the same conversation, or in the next trace of
-- the session.
followed as (
    select
        trace_id,
        string_split(lower(left(input, 500)), ' ') as a,
        string_split(lower(left(lead(input) over (partition by session_id order by started_at, trace_id), 500)), ' ') as b
    from asked
    where session_id is not null
),
conversations as (
    select
        trace_id,
        [
            string_split(lower(left(m.content->>'$', 500)), ' ')
            for m in from_json(messages, '[{"role": "VARCHAR", "content": "JSON"}]') if m.role = 'user'
        ] as questions
    from raw_traces
    where n_turns > 1 and started_at >= $since::date and started_at < $until::date + interval 1 day
),
repeated as (
    select trace_id, a, b from followed where b is not null
    union all
    select trace_id, unnest(questions[:-2]) as a, unnest(questions[2:]) as b from conversations
),
rephrased as (
    select distinct trace_id
    from repeated
    where len(a) > 1 and len(b) > 1 and 2 * len(list_intersect(a, b)) >= len(list_distinct(a || b))
),
doubted as (
    select distinct hash(trim(regexp_replace(lower(left(g.input, 2000)), '[^\p{L}\p{N}]+', ' ', 'g'))) as question
    from eval_results e join golden_set g using (case_id)
    where e.prompt_version in (select version from production_prompt) and (
        e.label = 'unsure' or e.label = 'fail' and (
            e.annotator_kind = 'CODE' or e.evaluator in (select evaluator from judge_alignment where status = 'trusted')
        )
    )
),
spread as (
    select
        median(n_turns) as turns, mad(n_turns) as turns_mad, median(n_tool_calls) as calls, mad(n_tool_calls) as calls_mad,
        median(latency_ms) as latency, mad(latency_ms) as latency_mad, median(size) as size, mad(size) as size_mad,
        median(cost_usd) as cost, mad(cost_usd) as cost_mad
    from asked
),
judged as (
    select
        a.trace_id, a.input, a.thumbs_down, a.failed, a.silent, a.n_turns, a.strata,
        a.trace_id in (from rephrased) as rephrased,
        a.n_turns > s.turns + 3 * 1.4826 * greatest(s.turns_mad, 0.5) as many_turns,
        a.n_tool_calls > s.calls + 3 * 1.4826 * greatest(s.calls_mad, 0.5) as many_calls,
        a.latency_ms > s.latency + 3 * 1.4826 * s.latency_mad and s.latency_mad > 0 as slow,
        a.size > s.size + 3 * 1.4826 * s.size_mad and s.size_mad > 0 as long,
        a.cost_usd > s.cost + 3 * 1.4826 * s.cost_mad and s.cost_mad > 0 as costly,
        hash(trim(regexp_replace(lower(left(a.input, 2000)), '[^\p{L}\p{N}]+', ' ', 'g'))) as question,
        hash(trim(regexp_replace(lower(left(a.output, 2000)), '[^\p{L}\p{N}]+', ' ', 'g'))) as answer
    from asked a cross join spread s
),
grouped as (
    select
        coalesce(min(j.trace_id) filter (l.trace_id is not null), min(j.trace_id)) as trace_id,
        first(j.input order by l.trace_id is null, j.trace_id) as input,
        thumbs_down, failed, silent, rephrased, bool_or(d.question is not null) as doubted, max(n_turns) as n_turns, many_turns, many_calls, slow, long, costly, strata,
        count(*) as n_like, bool_or(l.trace_id is not null) as known,
        thumbs_down or failed or silent or rephrased or doubted or many_turns or many_calls or slow or long or costly as flagged
    from judged j
    left join (
        -- not verdicts inside trace exports: whoever chose those traces, it was not this draw
        select distinct trace_id from annotations
        where is_current and not is_picked and verdict in ('pass', 'fail') and not starts_with(source_file, '../traces/')
    ) l using (trace_id)
    left join doubted d on d.question = j.question
    group by j.question, answer, thumbs_down, failed, silent, rephrased, many_turns, many_calls, slow, long, costly, strata
),
placed as (
    select
        *,
        count(*) over part as n_part,
        count(*) over (partition by known, flagged) as n_all,
        row_number() over (part order by md5(trace_id || '-' || $seed::varchar), trace_id) as place
    from grouped
    window part as (partition by known, flagged, strata)
),
-- The last rows of a part are dropped; those that are kept stand for them.
bounded as (
    select
        *, greatest($least, ceil(if(flagged, $flagged, $ordinary) * n_part / n_all)) as room
    from placed
)
select
    trace_id, input, thumbs_down, failed, silent, rephrased, doubted, n_turns, many_turns, many_calls, slow, long, costly,
    strata, n_like, known, if(known, 1.0, least(1.0, room / n_part)) as kept
from bounded
where known or place <= room
order by trace_id
