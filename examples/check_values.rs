//! Reads values, one a line, and prints what DTIM would make of each: kind,
//! canonical form, id, and whether it is fit to be shared.
//!
//! `printf '45.155.205.233\n8.8.8.8\n' | cargo run --no-default-features --example check_values`

#![allow(clippy::print_stdout)] // what it is for

use std::io::{BufRead as _, stdin};

use dtim::hygiene::{Lists, check};
use dtim::model::Value;

fn main() {
    let lists = Lists::new(Vec::new(), Vec::new());
    for line in stdin().lock().lines().map_while(Result::ok) {
        match Value::guess(&line) {
            Ok(value) => {
                let fit = match check(&value, &lists) {
                    Ok(()) => "fit".to_owned(),
                    Err(unfit) => unfit.to_string(),
                };
                println!("{}\t{value}\t{}\t{fit}", value.kind(), value.id());
            }
            Err(why) => println!("-\t{line:?}\t-\t{why}"),
        }
    }
}
