import time
from tests.browser.tour import collecting
from tests.browser import checks
async def test_t(scene, checker):
    spent={}
    async def t(n, c):
        a=time.perf_counter(); r=await c; spent[n]=spent.get(n,0)+time.perf_counter()-a; return r
    async def see(w,name):
        await t("axe",checker.axe(w.page)); await t("html",checker.html(w)); await t("reflow",checks.reflow(w.page)); await t("targets",checks.targets(w.page)); await t("pref",checks.by_preference(w.page)); await t("kb",checks.keyboard(w.page))
    a=time.perf_counter()
    await collecting(scene,"nl",see)
    print(spent, time.perf_counter()-a)
