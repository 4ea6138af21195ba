//! The declared layout of a record that comes as several tables: files, columns, keys, and what refers to what.

/// The tables of a format.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// In the order they are declared.
    pub files: Vec<Table>,
}

/// One table: `goals.csv`, and `goals[]` in the paths of a mapping.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Name without `.csv`.
    pub name: String,
    /// Exactly one row: the table is then an object (`plan.plan_id`), not a list (`goals[].goal_id`).
    pub one: bool,
    /// Whether the file may be missing.
    pub optional: bool,
    /// Its columns, in the order they are written.
    pub columns: Vec<Column>,
    /// Columns that together name a row, positions in `columns`. Empty where rows have no name.
    pub key: Vec<usize>,
    /// The line of the mapping that declares it.
    pub line: u32,
}

/// One column.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// The header, exactly.
    pub name: String,
    /// Whether every row must hold a value.
    pub required: bool,
    /// The table whose key stands here.
    pub refers_to: Option<String>,
    /// The line of the mapping that declares it.
    pub line: u32,
}
