-- Captured rows that do not count as they are.
-- Of several whole rows of one trace the fullest counts, then the newest, then the last file and line (`kept_file`,
-- `kept_line`). Spans of one trace that came in several pieces (`is_piece`) are joined instead; only a piece that says
-- the same again is a duplicate.
create table superseded as
with repeated as (
    select trace_id from captured_traces group by trace_id having count(*) > 1
),
rows as (
    select
        trace_id, source_file, source_line, n_rows, n_turns, started_at, md5(spans) as spans,
        (left(output, 1) is not null)::int as fullness
    from captured_traces
    where trace_id in (select trace_id from repeated)
),
placed as (
    select
        *,
        count(spans) over (partition by trace_id) as n_pieces,
        row_number() over best as place,
        first_value(source_file) over best as kept_file,
        first_value(source_line) over best as kept_line,
        row_number() over (partition by trace_id, spans order by source_file, source_line) as again
    from rows
    window best as (
        partition by trace_id, spans is null
        order by fullness desc, n_turns desc, started_at desc, source_file desc, source_line desc
    )
)
select
    trace_id, source_file, source_line, started_at, n_rows, spans is not null as is_piece,
    case when spans is null then place > 1 or n_pieces > 0 else again > 1 end as is_duplicate, kept_file, kept_line
from placed
where place > 1 or n_pieces > 0;

-- Of these, whole rows that hold another conversation than the row that counts: two traces share an id by mistake. A row
-- of another file that began at the same time is an earlier version of the one that counts.
create table confused as
select d.trace_id, d.source_file, d.source_line, d.n_rows, d.kept_file, d.kept_line, left(a.input, 200) as input
from superseded d
join captured_traces a using (trace_id, source_file, source_line)
join captured_traces b
    on b.trace_id = d.trace_id and b.source_file = d.kept_file and b.source_line = d.kept_line
where d.is_duplicate and not d.is_piece and a.spans is null and b.spans is null
    and (d.source_file <> d.kept_file or d.source_line <> d.kept_line)
    and (d.source_file = d.kept_file or a.started_at <> b.started_at)
    and a.messages <> '[]' and b.messages <> '[]'
    and not starts_with(b.messages, left(a.messages, -1)) and not starts_with(a.messages, left(b.messages, -1))
