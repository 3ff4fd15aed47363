//! Logs of every source, from a seed: a tenth of the lines are attacks.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;

use chrono::{DateTime, Utc};
use dtim::model::Source;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

const VISITS: [&str; 6] =
    ["/", "/index.html", "/static/app.js", "/api/v1/items?page=2", "/img/7.png", "/products/17"];
const ATTACKS: [&str; 6] = [
    "/wp-login.php",
    "/.env",
    "/.git/config",
    "/phpmyadmin/index.php",
    "/?id=1%27%20OR%201=1--",
    "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
];
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0";
const USERS: [&str; 6] = ["root", "admin", "ubuntu", "test", "oracle", "git"];

/// One line's circumstances.
struct Moment {
    at: DateTime<Utc>,
    number: usize,
    evil: bool,
    client: String,
    port: u16,
    path: &'static str,
    user: &'static str,
}

/// Writes so many lines of a source; of Zeek with its header before them.
pub fn write(source: Source, json: bool, path: &Path, lines: usize) {
    let mut random = StdRng::seed_from_u64(7);
    let mut file = BufWriter::new(fs::File::create(path).unwrap());
    if source == Source::Zeek && !json {
        file.write_all(ZEEK_HEADER.as_bytes()).unwrap();
    }
    let start: DateTime<Utc> = "2026-11-20T00:00:00Z".parse().unwrap();
    for number in 0..lines {
        let evil = random.random_bool(0.1);
        let client = if evil {
            format!("45.155.{}.{}", random.random_range(0..8), random.random_range(1..255))
        } else {
            let mut byte = || random.random_range(1..255_u8);
            format!("26.{}.{}.{}", byte(), byte(), byte())
        };
        let paths = if evil { &ATTACKS } else { &VISITS };
        let moment = Moment {
            at: start + chrono::Duration::milliseconds(250 * i64::try_from(number).unwrap()),
            number,
            evil,
            client,
            port: random.random_range(1024..65535),
            path: paths[random.random_range(0..paths.len())],
            user: USERS[random.random_range(0..USERS.len())],
        };
        line(source, json, &moment, &mut file);
        file.write_all(b"\n").unwrap();
    }
    file.flush().unwrap();
}

fn line(source: Source, json: bool, moment: &Moment, out: &mut impl Write) {
    let Moment { at, number, evil, client, port, path, user } = moment;
    let syslog = at.format("%b %e %H:%M:%S");
    let status = if *evil { 404 } else { 200 };
    match source {
        Source::NginxAccess | Source::ApacheAccess => write!(
            out,
            "{client} - - [{}] \"GET {path} HTTP/1.1\" {status} 4242 \"-\" \"{BROWSER}\"",
            at.format("%d/%b/%Y:%H:%M:%S +0000")
        ),
        Source::NginxError => write!(
            out,
            "{} [error] 811#811: *{number} open() \"/var/www/html{path}\" failed (2: No such file or directory), client: {client}, server: example.org, request: \"GET {path} HTTP/1.1\", host: \"example.org\"",
            at.format("%Y/%m/%d %H:%M:%S")
        ),
        Source::ApacheError => write!(
            out,
            "[{}] [authz_core:error] [pid 811:tid 140] [client {client}:{port}] AH01630: client denied by server configuration: /var/www/html{path}",
            at.format("%a %b %d %H:%M:%S%.6f %Y")
        ),
        Source::Sshd if *evil => write!(
            out,
            "{syslog} host1 sshd[811]: Failed password for invalid user {user} from {client} port {port} ssh2"
        ),
        Source::Sshd => write!(
            out,
            "{syslog} host1 sshd[811]: Accepted publickey for deploy from {client} port {port} ssh2: ED25519 SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
        ),
        Source::Ufw => write!(
            out,
            "{syslog} host1 kernel: [{number}.000000] [UFW BLOCK] IN=eth0 OUT= MAC=52:54:00:12:34:56:52:54:00:65:43:21:08:00 SRC={client} DST=10.0.0.5 LEN=60 TOS=0x00 PREC=0x00 TTL=48 ID=7 DF PROTO=TCP SPT={port} DPT={} WINDOW=29200 RES=0x00 SYN URGP=0",
            if *evil { 23 } else { 8080 }
        ),
        Source::Fail2ban => {
            let (at, who) = (at.format("%Y-%m-%d %H:%M:%S,%3f"), client);
            if *evil {
                write!(out, "{at} fail2ban.actions        [811]: NOTICE  [sshd] Ban {who}")
            } else {
                write!(out, "{at} fail2ban.filter         [811]: INFO    [sshd] Found {who}")
            }
        }
        Source::Suricata => suricata(moment, out),
        Source::Zeek => zeek(json, moment, out),
        Source::Clamav => {
            let (at, verdict) =
                (at.format("%a %b %e %H:%M:%S %Y"), if *evil { "Win.Test.One-1 FOUND" } else { "OK" });
            write!(out, "{at} -> /srv/upload/{number}.bin: {verdict}")
        }
    }
    .unwrap();
}

fn suricata(moment: &Moment, out: &mut impl Write) -> std::io::Result<()> {
    let Moment { at, evil, client, port, path, .. } = moment;
    let at = at.format("%Y-%m-%dT%H:%M:%S%.6f+0000");
    let kind = if *evil { "alert" } else { "http" };
    write!(
        out,
        "{{\"timestamp\":\"{at}\",\"flow_id\":811,\"in_iface\":\"eth0\",\"event_type\":\"{kind}\",\"src_ip\":\"{client}\",\"src_port\":{port},\"dest_ip\":\"10.0.0.5\",\"dest_port\":443,\"proto\":\"TCP\","
    )?;
    if *evil {
        write!(
            out,
            "\"alert\":{{\"action\":\"allowed\",\"gid\":1,\"signature_id\":2000811,\"rev\":3,\"signature\":\"ET SCAN Suspicious inbound to mySQL port 3306\",\"category\":\"Potentially Bad Traffic\",\"severity\":1}},\"app_proto\":\"http\",\"flow\":{{\"pkts_toserver\":5,\"pkts_toclient\":3,\"bytes_toserver\":566,\"bytes_toclient\":498,\"start\":\"{at}\"}}}}"
        )
    } else {
        write!(
            out,
            "\"http\":{{\"hostname\":\"www.example.org\",\"url\":\"{path}\",\"http_user_agent\":\"{BROWSER}\",\"http_content_type\":\"text/html\",\"http_method\":\"GET\",\"protocol\":\"HTTP/1.1\",\"status\":200,\"length\":4242}}}}"
        )
    }
}

const ZEEK_HEADER: &str = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\n#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tbool\tbool\tcount\tstring\n";

fn zeek(json: bool, moment: &Moment, out: &mut impl Write) -> std::io::Result<()> {
    let Moment { at, number, evil, client, port, .. } = moment;
    let at = at.format("%s%.6f");
    let (state, target) = if *evil { ("S0", number % 60_000 + 1) } else { ("SF", 443) };
    if json {
        write!(
            out,
            "{{\"ts\":{at},\"uid\":\"CAbCdE{number}\",\"id.orig_h\":\"{client}\",\"id.orig_p\":{port},\"id.resp_h\":\"10.0.0.5\",\"id.resp_p\":{target},\"proto\":\"tcp\",\"duration\":0.5,\"orig_bytes\":811,\"resp_bytes\":4242,\"conn_state\":\"{state}\",\"local_orig\":false,\"local_resp\":true,\"missed_bytes\":0,\"history\":\"ShADadFf\"}}"
        )
    } else {
        write!(
            out,
            "{at}\tCAbCdE{number}\t{client}\t{port}\t10.0.0.5\t{target}\ttcp\t-\t0.5\t811\t4242\t{state}\tF\tT\t0\tShADadFf"
        )
    }
}
