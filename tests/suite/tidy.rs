//! Is the house in order? The import table, the doc lines, the sizes.
