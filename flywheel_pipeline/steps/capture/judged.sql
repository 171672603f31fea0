-- The scores and comments about every trace. `scales` holds (source_file, name, worst, best) of the scores whose scale their file shows.
-- `judged` is the feedback with a verdict wherever it has one; `opinion` the newest of every trace's users, `named` all
-- that is no user's opinion, as tags.
create table judged as
select
    f.*,
    coalesce(
        f.score,
        case when f.is_adverse then (s.best - f.value) / (s.best - s.worst) else (f.value - s.worst) / (s.best - s.worst) end
    ) as verdict
from feedback f left join scales s using (source_file, name)
-- not what came with a trace that another one of the same id replaced
where f.n_rows > 0 or (f.trace_id, f.source_file, f.source_line) not in (select trace_id, source_file, source_line from confused);

create table opinion as
select
    trace_id,
    arg_max(verdict, (given_at, source_file, source_line)) as score,
    arg_max(comment, (given_at, source_file, source_line)) as comment
from judged where given_by = 'user' group by trace_id;

create table named as
with kept as (
    select *, 'score.' || name as key, (given_at, source_file, source_line) as newest
    from judged
    where given_by <> 'user' or (verdict is null and (value is not null or label is not null))
),
tagged as (
    select trace_id, key, to_json(arg_max(coalesce(value::varchar, label), newest)) as tag,
        arg_max(value, newest) as number
    from kept group by trace_id, key
    union all
    select trace_id, key || '.label', to_json(arg_max(label, newest)), null
    from kept where value is not null and label is not null group by trace_id, key
    union all
    select trace_id, key || '.comment', to_json(arg_max(comment, newest)), null
    from kept where given_by <> 'user' and comment is not null group by trace_id, key
    union all
    select trace_id, key || '.by', to_json(arg_max(given_by, newest)), null from kept group by trace_id, key
)
select
    trace_id, '{' || string_agg(to_json(key) || ':' || coalesce(to_json(number), tag), ',' order by key) || '}' as tags
from tagged where tag is not null group by trace_id
