//! Warninglist files in MISP's format.
#![no_main]

use dtim::hygiene::{Lists, Warninglist};
use dtim::model::Value;

libfuzzer_sys::fuzz_target!(|json: &str| {
    if let Ok(list) = Warninglist::parse(json) {
        let lists = Lists::new(Vec::new(), vec![list]);
        for raw in ["11.22.33.44", "11.22.33.0/24", "a.dtim-vector.com", "http://dtim-vector.com/"]
        {
            let _ = lists.check(&Value::guess(raw).expect("a value"));
        }
    }
});
