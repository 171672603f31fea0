-- The active golden cases, each with its verdicts under the versions $before and $after: one text per version, in which
-- verdicts are separated by chr(30) and their fields (evaluator, its version, repeats of answer and judge, label,
-- whether there is an error) by
-- chr(31). Most cases have the same few texts, so that each is read once.
with verdicts as (
    select case_id, prompt_version, string_agg(
        concat_ws(chr(31), evaluator, evaluator_version, repeat, judge_repeat, coalesce(label, ''), error is not null),
        chr(30) order by evaluator, repeat, judge_repeat
    ) as rows
    from eval_results where prompt_version in ($before, $after)
    group by case_id, prompt_version
)
select g.case_id, g.kind, g.mode_id, g.family, g.split, left(g.input, 300) as question,
    g.critical,
    coalesce(b.rows, '') as before, coalesce(a.rows, '') as after
from golden_set g
left join verdicts b on b.case_id = g.case_id and b.prompt_version = $before
left join verdicts a on a.case_id = g.case_id and a.prompt_version = $after
where g.status = 'active'
order by g.case_id
