"""Session settings of the store's connections."""

from db.pool import BY_INDEX

SESSION = {
    **BY_INDEX,
    # A group's statement takes two milliseconds to plan and less to run; its arguments never change how it is best run.
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    # A few rows meet large tables, each through its index. A plan that was made while a table was empty, and kept as long
    # as its connection, must not read it as a whole, whether to hash it, to sort it or to keep it at hand.
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
    "enable_memoize": "off",
}
