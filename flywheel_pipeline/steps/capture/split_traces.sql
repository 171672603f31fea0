-- The pieces of the traces whose first piece began in a range of days, oldest file first.
select trace_id, source_format, source_file, source_line, app, n_rows, spans
from captured_traces
where spans is not null and trace_id in (
    select trace_id from superseded where is_piece
    group by trace_id
    having min(started_at) >= ?::date and min(started_at) < ?::date + interval 1 day
)
order by trace_id, source_file, source_line
