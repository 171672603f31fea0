-- Captured rows that do not count as they are.
-- Of several whole rows of one trace the fullest counts, then the newest, then the last file and line. Spans of one
-- trace that came in several pieces (`is_piece`) are joined instead; only a piece that says the same again is a
-- duplicate.
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
        row_number() over (
            partition by trace_id, spans is null
            order by fullness desc, n_turns desc, started_at desc, source_file desc, source_line desc
        ) as place,
        row_number() over (partition by trace_id, spans order by source_file, source_line) as again
    from rows
)
select
    trace_id, source_file, source_line, started_at, n_rows, spans is not null as is_piece,
    case when spans is null then place > 1 or n_pieces > 0 else again > 1 end as is_duplicate
from placed
where place > 1 or n_pieces > 0
