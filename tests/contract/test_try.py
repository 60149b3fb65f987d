import pytest, time
import scenarios as sc
from scenarios.runner.run import execute
def test_x(toys, wind, four):
    case = sc.load(four)
    t=time.time(); run = execute(case, fresh=True); print(time.time()-t)
    print(run.levels[["hazard","place","kind","level","peak","unit","from","until"]].to_string())
    for h,e in run.exposure.items():
        print(h,e.basis,e.unknown, e.closures)
        for c,t in e.counts.items():
            for of, table in t.items(): print(c,of); print(table)
        print(run.fields[h])
    for k,v in run.tables.items(): print(k); print(v.head())
    t=time.time(); plan = sc.draft_plan(run); print(time.time()-t)
    for task in plan.tasks: print(task.id,task.hazard,task.code,task.place,task.place_name["en"],task.deadline,task.end,task.crew,task.no_crew,task.late_min)
    assert 0
