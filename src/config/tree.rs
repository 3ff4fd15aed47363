//! The file and the variables as one tree of values that know where they stand.

use std::borrow::Cow;
use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problem;
use super::problem::Wrong;

/// The prefix of the variables that override a key.
const PREFIX: &str = "DTIM__";

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) tree: Tree,
    pub(super) at: At,
}

/// Where something was written: a line of the file, or a variable.
#[derive(Clone, Debug, Default)]
pub(super) struct At {
    pub(super) line: Option<usize>,
    pub(super) variable: Option<String>,
}

/// A value, not yet of a setting's type.
#[derive(Clone, Debug)]
pub(super) enum Tree {
    Text(String),
    Integer(i128),
    Float(f64),
    Boolean(bool),
    Date,
    List(Vec<Item>),
    Table(Table),
    /// From a variable: what it is depends on the setting that reads it.
    Raw(String),
}

pub(super) type Table = BTreeMap<String, Item>;

/// Reads the file. All mistakes of syntax at once.
pub(super) fn from_text(text: &str) -> Result<Table, Vec<Problem>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(table_of(text, table.get_ref()));
    }
    let problem = |error: &toml::de::Error| Problem {
        key: String::new(),
        line: error.span().map(|span| line_at(text, span.start)),
        what: format!("not valid TOML: {}", error.message().replace('\n', ", ")),
        remedy: "correct the line".to_owned(),
    };
    Err(errors.iter().map(problem).collect())
}

/// Lays the `DTIM__SECTION__KEY` variables over the file.
pub(super) fn overlay(root: &mut Table, variables: &[(String, String)]) {
    let mut ours: Vec<_> = variables.iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    // A whole section comes before the keys in it.
    ours.sort();
    for (name, value) in ours {
        let path = name.strip_prefix(PREFIX).unwrap_or(name).to_lowercase();
        put(root, &path, name, value);
    }
}

fn put(table: &mut Table, path: &str, name: &str, value: &str) {
    let at = At { line: None, variable: Some(name.to_owned()) };
    let item = |tree| Item { tree, at: at.clone() };
    let Some((section, rest)) = path.split_once("__") else {
        table.insert(path.to_owned(), item(Tree::Raw(value.to_owned())));
        return;
    };
    let inner =
        table.entry(section.to_owned()).or_insert_with(|| item(Tree::Table(Table::default())));
    // What is no table stays as it is and is reported when its section is read.
    if let Tree::Table(inner) = &mut inner.tree {
        put(inner, rest, name, value);
    }
}

// What is not the wanted type is wrong, whatever it is and whatever types come.
#[allow(clippy::wildcard_enum_match_arm)]
impl Item {
    pub(super) fn text(&self) -> Result<&str, Wrong> {
        match &self.tree {
            Tree::Text(text) | Tree::Raw(text) => Ok(text),
            other => Err(other.instead_of("a text", "write it in quotation marks")),
        }
    }

    pub(super) fn integer(&self) -> Result<i128, Wrong> {
        let remedy = "write digits only, without quotation marks";
        match &self.tree {
            Tree::Integer(number) => Ok(*number),
            Tree::Raw(text) => {
                text.trim().parse().map_err(|_| Wrong::not(text, "a whole number", remedy))
            }
            other => Err(other.instead_of("a whole number", remedy)),
        }
    }

    pub(super) fn float(&self) -> Result<f64, Wrong> {
        let remedy = "write it like 0.5, without quotation marks";
        match &self.tree {
            Tree::Float(number) => Ok(*number),
            // Beyond 2^53 the nearest float is as good.
            #[allow(clippy::cast_precision_loss)]
            Tree::Integer(number) => Ok(*number as f64),
            Tree::Raw(text) => {
                text.trim().parse().map_err(|_| Wrong::not(text, "a number", remedy))
            }
            other => Err(other.instead_of("a number", remedy)),
        }
    }

    pub(super) fn boolean(&self) -> Result<bool, Wrong> {
        let remedy = "write true or false, without quotation marks";
        match &self.tree {
            Tree::Boolean(flag) => Ok(*flag),
            Tree::Raw(text) => {
                text.trim().parse().map_err(|_| Wrong::not(text, "true or false", remedy))
            }
            other => Err(other.instead_of("true or false", remedy)),
        }
    }

    pub(super) fn list(&self) -> Result<Cow<'_, [Self]>, Wrong> {
        match &self.tree {
            Tree::List(items) => Ok(Cow::Borrowed(items)),
            Tree::Raw(text) if text.trim_start().starts_with('[') => match self.literal(text)? {
                Tree::List(items) => Ok(Cow::Owned(items)),
                other => Err(other.instead_of("a list", "write it like [\"a\", \"b\"]")),
            },
            Tree::Raw(text) => {
                let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
                let raw =
                    |word: &str| Self { tree: Tree::Raw(word.to_owned()), at: self.at.clone() };
                Ok(Cow::Owned(words.map(raw).collect()))
            }
            other => Err(other.instead_of("a list", "write it like [\"a\", \"b\"]")),
        }
    }

    pub(super) fn table(&self) -> Result<Cow<'_, Table>, Wrong> {
        let wanted = "a section";
        let remedy = "write it as [name] with its keys below";
        match &self.tree {
            Tree::Table(table) => Ok(Cow::Borrowed(table)),
            Tree::Raw(text) => match self.literal(text)? {
                Tree::Table(table) => Ok(Cow::Owned(table)),
                other => Err(other.instead_of(wanted, remedy)),
            },
            other => Err(other.instead_of(wanted, remedy)),
        }
    }

    /// A variable's text as a TOML value.
    fn literal(&self, text: &str) -> Result<Tree, Wrong> {
        let value = DeValue::parse(text).map_err(|error| {
            Wrong::new(
                format!("not a TOML value: {}", error.message().replace('\n', ", ")),
                "write it as it would stand in the file, like [\"a\", \"b\"] or { key = 1 }",
            )
        })?;
        let mut item = item_of(text, &value);
        item.move_to(&self.at);
        Ok(item.tree)
    }

    fn move_to(&mut self, at: &At) {
        self.at = at.clone();
        match &mut self.tree {
            Tree::List(items) => items.iter_mut().for_each(|item| item.move_to(at)),
            Tree::Table(table) => table.values_mut().for_each(|item| item.move_to(at)),
            Tree::Text(_)
            | Tree::Integer(_)
            | Tree::Float(_)
            | Tree::Boolean(_)
            | Tree::Date
            | Tree::Raw(_) => {}
        }
    }
}

impl Tree {
    fn instead_of(&self, wanted: &str, remedy: &str) -> Wrong {
        let given = match self {
            Self::Text(_) | Self::Raw(_) => "a text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a fraction",
            Self::Boolean(_) => "true or false",
            Self::Date => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a section",
        };
        Wrong::new(format!("{given} stands where {wanted} is expected"), remedy)
    }
}

fn table_of(text: &str, table: &DeTable<'_>) -> Table {
    let entry = |(key, value): (&Spanned<Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
        let mut item = item_of(text, value);
        // The key's line is where the reader looks; a table's own span begins elsewhere.
        item.at.line = Some(line_at(text, key.span().start));
        (key.get_ref().to_string(), item)
    };
    table.iter().map(entry).collect()
}

/// The parser refuses more than 80 levels, so the recursion ends.
fn item_of(text: &str, value: &Spanned<DeValue<'_>>) -> Item {
    let tree = match value.get_ref() {
        DeValue::String(string) => Tree::Text(string.to_string()),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Tree::Text(number.to_string()), Tree::Integer),
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .map_or_else(|_| Tree::Text(number.as_str().to_owned()), Tree::Float),
        DeValue::Boolean(flag) => Tree::Boolean(*flag),
        DeValue::Datetime(_) => Tree::Date,
        DeValue::Array(items) => Tree::List(items.iter().map(|item| item_of(text, item)).collect()),
        DeValue::Table(table) => Tree::Table(table_of(text, table)),
    };
    Item { tree, at: At { line: Some(line_at(text, value.span().start)), variable: None } }
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}
