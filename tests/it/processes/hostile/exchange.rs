//! What two members say to each other outside gossip: questions that pry (case
//! 40), that are none or have no end, and answers that lie.

use dtim::model::ContentId;

use super::{Hostile, Line, eventually, metrics, verdicts_by};
use crate::processes::Settings;

#[test]
fn nobody_learns_by_asking_what_is_not_for_all() {
    let mut line = Line::new([66, 67]);
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let green = Hostile::start(66, &[&line.victim], &["publish", "--count", "5", "--keep", path]);
    green.event("done");
    green.end();
    let amber = ["pester", "--stream", "deliver", "--question", "amber", "--count", "5"];
    let deliverer = Hostile::start(66, &[&line.victim], &amber);
    let secret: Vec<String> =
        (0..5).map(|_| deliverer.event("made")["content"].as_str().unwrap().to_owned()).collect();
    let answered = deliverer.event("answered");
    // [0, 0]: it is on the victim's disk.
    assert_eq!((&answered["count"], &answered["last"]), (&5.into(), &"820000".into()));
    eventually("the green ones take part", || line.honest.knows("45.155.0.4"));
    let open: Vec<String> = std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|claim| ContentId::of(&unhex(claim)).to_string())
        .collect();

    let mut pry = vec!["pry"];
    pry.extend(open.iter().chain(&secret).map(String::as_str));
    let pryer = Hostile::start(67, &[&line.victim], &pry);
    let given = pryer.event("given");
    assert_eq!(given["served"], 10);
    assert_eq!(texts(&given["claims"]), open, "and nothing of what is amber");
    let listed = texts(&pryer.event("listed")["claims"]);
    assert!(open.iter().all(|id| listed.contains(id)), "{listed:?}");
    assert!(secret.iter().all(|id| !listed.contains(id)), "{listed:?}");
    // Nor does it reach the honest one by any way.
    line.still_works("45.156.1.1");
    let told = line.honest.knows("45.155.0.4").unwrap();
    assert_eq!(told["claims"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["tlp"], "green");
    line.victim.stop();
    line.honest.stop();
}

fn texts(list: &serde_json::Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(pair).collect()
}

/// A question that finds no room is asked again in the next round: each second.
fn often() -> Settings {
    let every = ("DTIM__NETWORK__GOSSIP_INTERVAL_SECONDS".to_owned(), "1".to_owned());
    Settings { environment: vec![every], ..Settings::default() }
}

/// Questions that no honest member asks: the third is too many.
const WRONG: [(&str, &str); 8] = [
    ("sync", "noise"),
    ("sync", "unknown"),
    ("sync", "bad-comparison"),
    ("sync", "greedy"),
    ("deliver", "noise"),
    ("deliver", "unknown"),
    ("deliver", "green"),
    ("deliver", "forged"),
];

/// Questions that an honest member may ask, though not so often.
const MANY: [(&str, &str, &str); 7] = [
    ("sync", "oversized", "50"),
    ("deliver", "oversized", "50"),
    ("sync", "compare", "3000"),
    ("sync", "fetch", "1000"),
    ("sync", "news", "3000"),
    ("deliver", "amber", "300"),
    ("deliver", "attest", "300"),
];

#[test]
fn questions_that_are_none_end_with_whoever_asks_them() {
    let mut line = Line::new(100..100 + WRONG.len() as u8);
    for ((stream, question), seed) in WRONG.into_iter().zip(100..) {
        let attack = ["pester", "--stream", stream, "--question", question, "--count", "3"];
        let hostile = Hostile::start(seed, &[&line.victim], &attack);
        hostile.event("closed");
        println!("{stream} {question}: sent away");
    }
    line.still_works("45.156.1.1");
    let shut_out = metrics(&line.victim)["dtim_members_shut_out_total{reason=\"rejected\"}"];
    assert_eq!(shut_out, WRONG.len() as f64);
    let delivered = verdicts_by("deliver", &line.victim);
    assert_eq!(delivered.get("tlp"), Some(&3), "{delivered:?}");
    assert_eq!(delivered.get("signature"), Some(&3), "{delivered:?}");
    assert_eq!(delivered.get("accept"), None, "{delivered:?}");
    line.victim.stop();
    line.honest.stop();
}

#[test]
fn whoever_asks_without_end_is_served_no_better_than_others() {
    let mut line = Line::with((100..100 + MANY.len() as u8).chain([66]), often());
    // All at once; the honest one leaves, misses something and comes back.
    let all: Vec<Hostile> = MANY
        .into_iter()
        .zip(100..)
        .map(|((stream, question, count), seed)| {
            let attack = ["pester", "--stream", stream, "--question", question, "--count", count];
            let hostile = Hostile::start(seed, &[&line.victim], &attack);
            hostile.event("began");
            hostile
        })
        .collect();
    line.honest.stop();
    // Of others: an own claim would wait for witnesses.
    let talker = Hostile::start(66, &[&line.victim], &["publish", "--count", "5"]);
    talker.event("done");
    eventually("the victim hears it", || line.victim.knows("45.155.0.4"));
    talker.end();
    line.honest.start();
    eventually("the honest one fetches what it missed", || line.honest.knows("45.155.0.4"));
    for (hostile, (stream, question, _)) in all.into_iter().zip(MANY) {
        let answered = hostile.event("answered");
        println!("{stream} {question}: {} answers", answered["count"]);
        let rest = hostile.end();
        assert!(rest.iter().all(|said| said["event"] != "closed"), "{stream} {question}");
    }
    line.exchange();
    line.still_works("45.156.1.10");
    line.victim.stop();
    line.honest.stop();
}

/// Answers that no honest member gives, and under what their claims are counted.
const LIES: [(&str, Option<&str>); 5] = [
    ("unasked", Some("not_asked")),
    ("amber", Some("tlp")),
    ("forged", Some("signature")),
    ("nothing", None),
    ("noise", None),
];

/// Answers that bring nothing and have no end. A wrong clock can look like that, so
/// nobody is blamed, but not asked again for a while either.
const ENDLESS: [&str; 2] = ["endless", "later-day"];

#[test]
fn answers_that_lie_bring_nothing_in_and_end_with_whoever_gives_them() {
    let mut line = Line::new(100..100 + LIES.len() as u8);
    for ((service, verdict), seed) in LIES.into_iter().zip(100..) {
        let attack = ["serve", "--service", service];
        let hostile = Hostile::start(seed, &[&line.victim], &attack);
        hostile.event("closed");
        println!("{service}: sent away");
        if let Some(verdict) = verdict {
            let found = verdicts_by("sync", &line.victim);
            assert!(found.get(verdict) >= Some(&3), "{service}: {found:?}");
        }
    }
    line.still_works("45.156.1.1");
    for number in 0..40 {
        assert!(line.victim.knows(&format!("45.155.0.{number}")).is_none());
    }
    line.victim.stop();
    line.honest.stop();
}

#[test]
fn answers_without_end_are_given_up() {
    let mut line = Line::new(100..100 + ENDLESS.len() as u8);
    for (service, seed) in ENDLESS.into_iter().zip(100..) {
        let given_up = || {
            let metrics = metrics(&line.victim);
            metrics.get("dtim_syncs_total{result=\"endless\"}").copied().unwrap_or_default()
        };
        let before = given_up();
        let hostile = Hostile::start(seed, &[&line.victim], &["serve", "--service", service]);
        eventually("it is given up", || (given_up() > before).then_some(()));
        line.still_works(&format!("45.156.{seed}.1"));
        // However often it says that it has news.
        assert!(given_up() == before + 1.0, "{service}: it was asked again");
        assert!(hostile.end().iter().all(|said| said["event"] != "closed"), "{service}");
    }
    line.victim.stop();
    line.honest.stop();
}

#[test]
fn a_member_that_does_not_answer_holds_up_nobody() {
    let mut line = Line::new([66, 67, 68, 69]);
    // A full node has claims in its set that it cannot give: no reason to blame anybody.
    let imaginary = Hostile::start(69, &[&line.victim], &["serve", "--service", "imaginary"]);
    imaginary.event("asked");
    let silent = Hostile::start(66, &[&line.victim], &["serve", "--service", "silent"]);
    silent.event("asked");
    let long = Hostile::start(67, &[&line.victim], &["serve", "--service", "oversized"]);
    long.event("asked");
    let honest = Hostile::start(68, &[&line.victim], &["serve", "--service", "honest"]);
    for number in 0..20 {
        let value = format!("45.155.0.{number}");
        eventually("the victim fetches from who answers", || line.victim.knows(&value));
        eventually("and the others from it", || line.honest.knows(&value));
    }
    for hostile in [imaginary, silent, long, honest] {
        assert!(hostile.end().iter().all(|said| said["event"] != "closed"));
    }
    line.still_works("45.156.1.1");
    line.victim.stop();
    line.honest.stop();
}

/// More that never come to an end, slowly, than comparisons run at a time.
#[test]
fn members_that_stall_hold_up_no_comparison_with_others() {
    let mut line = Line::new((100..109).chain([66]));
    line.still_works("45.156.1.1");
    let start = |seed| Hostile::start(seed, &[&line.victim], &["serve", "--service", "stalling"]);
    let stalling: Vec<Hostile> = (100..109).map(start).collect();
    // One of the nine has to wait.
    for hostile in &stalling[..8] {
        hostile.event("asked");
    }
    let honest = Hostile::start(66, &[&line.victim], &["serve", "--service", "honest"]);
    eventually("the victim fetches from who answers", || line.victim.knows("45.155.0.19"));
    drop((stalling, honest));
    line.victim.stop();
    line.honest.stop();
}
