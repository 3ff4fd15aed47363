//! Any pattern that the grammar has, and how it may be written.

use proptest::prelude::*;

use super::super::write::quoted;
use super::super::{
    Comparison, Is, Join, Literal, Observation, Operator, Path, Qualifier, Step, Test,
};
use super::hostile;

type Pattern = Observation<'static>;

/// Tests need texts that live as long as they do.
fn keep(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

fn literal() -> impl Strategy<Value = Literal<'static>> {
    prop_oneof![
        hostile().prop_map(|text| Literal::Text(text.into())),
        "[+-]?(0|[1-9][0-9]{0,9})".prop_map(|text| Literal::Integer(keep(text))),
        "[+-]?[0-9]{0,3}\\.[0-9]{1,3}".prop_map(|text| Literal::Float(keep(text))),
        any::<bool>().prop_map(Literal::Bool),
        "([A-Za-z0-9+/]{4}){0,3}[A-Za-z0-9+/]{2}==".prop_map(|text| Literal::Binary(keep(text))),
        "([0-9a-fA-F]{2}){0,6}".prop_map(|text| Literal::Hex(keep(text))),
        Just(Literal::Time("2016-06-01T01:30:00.123Z")),
    ]
}

fn path() -> impl Strategy<Value = Path<'static>> {
    let key = || {
        prop_oneof![
            "[a-z_][a-z0-9_]{0,6}"
                .prop_filter("a keyword", |word| !matches!(word.as_str(), "true" | "false")),
            hostile(),
        ]
        .prop_map(|text| Step::Key(text.into()))
    };
    let more = prop_oneof![
        3 => key(),
        1 => Just(Step::Any),
        1 => "-?[1-9]".prop_map(|text| Step::Index(keep(text))),
    ];
    ("[a-z][a-z0-9-]{0,8}", key(), prop::collection::vec(more, 0..3)).prop_map(
        |(object, first, more)| {
            let object =
                if matches!(object.as_str(), "true" | "false") { "file" } else { keep(object) };
            Path { object, steps: [vec![first], more].concat() }
        },
    )
}

fn is() -> impl Strategy<Value = Is<'static>> {
    let operator = prop_oneof![
        Just(Operator::Equal),
        Just(Operator::NotEqual),
        Just(Operator::Less),
        Just(Operator::LessOrEqual),
        Just(Operator::Greater),
        Just(Operator::GreaterOrEqual),
    ];
    prop_oneof![
        (operator, literal())
            .prop_filter("an order of truths", |(operator, literal)| {
                let ordered = !matches!(operator, Operator::Equal | Operator::NotEqual);
                !(ordered && matches!(literal, Literal::Bool(_)))
            })
            .prop_map(|(operator, literal)| Is::Compared(operator, literal)),
        prop::collection::vec(literal(), 0..4).prop_map(Is::In),
        hostile().prop_map(|text| Is::Like(text.into())),
        hostile().prop_map(|text| Is::Matches(text.into())),
        hostile().prop_map(|text| Is::Subset(text.into())),
        hostile().prop_map(|text| Is::Superset(text.into())),
        Just(Is::There),
    ]
}

fn comparison() -> impl Strategy<Value = Comparison<'static>> {
    let test = (path(), any::<bool>(), is())
        .prop_map(|(path, negated, is)| Comparison::Test(Test { path, negated, is }));
    test.prop_recursive(3, 12, 3, |inner| {
        (prop_oneof![Just(Join::And), Just(Join::Or)], prop::collection::vec(inner, 2..4))
            .prop_map(|(join, all)| Comparison::Joined(join, all))
    })
}

pub(super) fn pattern() -> impl Strategy<Value = Pattern> {
    let qualifier = prop_oneof![
        Just(Qualifier::Within("5.5")),
        Just(Qualifier::Repeats("+7")),
        Just(Qualifier::Between("2016-06-01T01:30:00Z", "2016-06-02T01:30:00Z")),
    ];
    let join = || prop_oneof![Just(Join::And), Just(Join::Or), Just(Join::FollowedBy)];
    comparison().prop_map(Observation::Of).prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            (join(), prop::collection::vec(inner.clone(), 2..4))
                .prop_map(|(join, all)| Observation::Joined(join, all)),
            (inner, qualifier.clone())
                .prop_map(|(inner, one)| Observation::Qualified(Box::new(inner), vec![one])),
        ]
    })
}

/// Writes tokens with any white space between them.
struct Printer {
    text: String,
    seed: u64,
}

pub(super) fn print(pattern: &Pattern, seed: u64) -> String {
    let mut printer = Printer { text: String::new(), seed };
    printer.observation(pattern);
    printer.text
}

impl Printer {
    fn put(&mut self, token: &str) {
        self.text.push_str(token);
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.';
        // Between words there must be something.
        let blanks = ["", "", " ", "\t\n", "\u{2003}", "/* '[ */", "// ]'\n"];
        let blank = blanks[(self.seed >> 33) as usize % blanks.len()];
        let needed = if token.ends_with(word) { " " } else { "" };
        self.text.push_str(needed);
        self.text.push_str(blank);
    }

    fn group(&mut self, inner: impl FnOnce(&mut Self)) {
        self.put("(");
        inner(self);
        self.put(")");
    }

    fn observation(&mut self, observation: &Pattern) {
        match observation {
            Observation::Of(comparison) => {
                self.put("[");
                self.comparison(comparison);
                self.put("]");
            }
            Observation::Joined(join, all) => {
                for (at, one) in all.iter().enumerate() {
                    if at > 0 {
                        self.join(*join);
                    }
                    let closer = !matches!(one, Observation::Joined(inner, _) if inner >= join);
                    if closer {
                        self.observation(one);
                    } else {
                        self.group(|this| this.observation(one));
                    }
                }
            }
            Observation::Qualified(of, qualifiers) => {
                match of.as_ref() {
                    Observation::Of(_) => self.observation(of),
                    _ => self.group(|this| this.observation(of)),
                }
                qualifiers.iter().for_each(|one| self.qualifier(one));
            }
        }
    }

    fn join(&mut self, join: Join) {
        self.put(match join {
            Join::And => "AND",
            Join::Or => "OR",
            Join::FollowedBy => "FOLLOWEDBY",
        });
    }

    fn qualifier(&mut self, qualifier: &Qualifier<'_>) {
        match qualifier {
            Qualifier::Within(number) => ["WITHIN", number, "SECONDS"].map(|token| self.put(token)),
            Qualifier::Repeats(number) => ["REPEATS", number, "TIMES"].map(|token| self.put(token)),
            Qualifier::Between(start, stop) => {
                self.put("START");
                self.put(&format!("t'{start}'"));
                ["STOP", &format!("t'{stop}'"), ""].map(|token| self.put(token))
            }
        };
    }

    fn comparison(&mut self, comparison: &Comparison<'_>) {
        match comparison {
            Comparison::Test(test) => self.test(test),
            Comparison::Joined(join, all) => {
                for (at, one) in all.iter().enumerate() {
                    if at > 0 {
                        self.join(*join);
                    }
                    if matches!(one, Comparison::Joined(inner, _) if inner >= join) {
                        self.group(|this| this.comparison(one));
                    } else {
                        self.comparison(one);
                    }
                }
            }
        }
    }

    fn test(&mut self, test: &Test<'_>) {
        let there = test.is == Is::There;
        if there {
            if test.negated {
                self.put("NOT");
            }
            self.put("EXISTS");
        }
        self.path(&test.path);
        if test.negated && !there {
            self.put("NOT");
        }
        match &test.is {
            Is::Compared(operator, literal) => {
                self.put(match operator {
                    Operator::Equal => ["=", "=="][self.seed as usize % 2],
                    Operator::NotEqual => ["!=", "<>"][self.seed as usize % 2],
                    Operator::Less => "<",
                    Operator::LessOrEqual => "<=",
                    Operator::Greater => ">",
                    Operator::GreaterOrEqual => ">=",
                });
                self.literal(literal);
            }
            Is::In(all) => {
                self.put("IN");
                self.group(|this| {
                    for (at, one) in all.iter().enumerate() {
                        if at > 0 {
                            this.put(",");
                        }
                        this.literal(one);
                    }
                });
            }
            Is::Like(text) => self.words("LIKE", text),
            Is::Matches(text) => self.words("MATCHES", text),
            Is::Subset(text) => self.words("ISSUBSET", text),
            Is::Superset(text) => self.words("ISSUPERSET", text),
            Is::There => {}
        }
    }

    fn words(&mut self, keyword: &str, text: &str) {
        self.put(keyword);
        self.put(&quoted(text));
    }

    fn path(&mut self, path: &Path<'_>) {
        self.put(path.object);
        self.put(":");
        for (at, step) in path.steps.iter().enumerate() {
            match step {
                Step::Key(key) => {
                    if at > 0 {
                        self.put(".");
                    }
                    let plain = key.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
                        && key
                            .chars()
                            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
                        && !matches!(key.as_ref(), "true" | "false");
                    let token = if plain { key.to_string() } else { quoted(key) };
                    self.put(&token);
                }
                Step::Index(index) => {
                    ["[", index, "]"].into_iter().for_each(|token| self.put(token))
                }
                Step::Any => ["[", "*", "]"].into_iter().for_each(|token| self.put(token)),
            }
        }
    }

    fn literal(&mut self, literal: &Literal<'_>) {
        self.put(&match literal {
            Literal::Text(text) => quoted(text),
            Literal::Integer(text) | Literal::Float(text) => (*text).to_owned(),
            Literal::Bool(truth) => truth.to_string(),
            Literal::Binary(text) => format!("b'{text}'"),
            Literal::Hex(text) => format!("h'{text}'"),
            Literal::Time(text) => format!("t'{text}'"),
        });
    }
}
