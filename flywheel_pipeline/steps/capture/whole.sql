-- Row groups of captured_traces that an event day takes over as they are: all of their rows are of that day, none is
-- superseded, and for none has feedback come on its own.
with changed as (
    select trace_id from superseded
    union
    select trace_id from feedback
),
touched as (
    select filename, file_row_number from numbered semi join changed using (trace_id)
    where started_at >= $first::date and started_at < $last::date + interval 1 day
),
mixed as (
    select distinct g.path, g.number
    from row_groups g join touched t
        on t.filename = g.path and t.file_row_number >= g.first and t.file_row_number < g.first + g.n_rows
)
select strftime(low, '%Y-%m-%d') as day, path, number, stamp
from row_groups anti join mixed using (path, number)
where low::date = high::date and low >= $first::date and low < $last::date + interval 1 day
order by path, number
