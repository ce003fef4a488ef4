"""Session settings of the store's connections."""

from db.pool import BY_INDEX

SESSION = {
    **BY_INDEX,
    # A group's statement takes two milliseconds to plan and less to run; its arguments never change the plan.
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    # A few rows meet large tables, each through its index. A plan made while a table was empty, and kept as
    # long as its connection, must not read all of it, whether to hash it, to sort it or to keep it at hand.
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
    "enable_memoize": "off",
}
