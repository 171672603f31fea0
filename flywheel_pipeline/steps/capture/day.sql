-- One event day of raw_traces from the captured rows of all files.
-- A trace id that appears twice resolves to the fullest row, then the newest, then the last file and line.
select * exclude (place)
from (
    select *, row_number() over (
        partition by trace_id
        order by
            (output is not null)::int + (feedback_score is not null)::int desc,
            n_turns desc, started_at desc, source_file desc, source_line desc
    ) as place
    from captured_traces
)
where place = 1 and started_at >= ?::date and started_at < ?::date + interval 1 day
order by started_at, trace_id
