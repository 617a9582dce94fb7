//! Bodies: what is read, and the words for what cannot be.

use super::api::{Api, Reply, ids};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use std::io::Write;
use windvane_core::error::{Error, Kind};

const ONE: &str = r#"[{"id":1}]"#;

async fn read(headers: &'static str, body: Vec<u8>) -> Result<Vec<String>, Error> {
    let api = Api::new(move |_, _| Reply::status(200, headers, &body)).await;
    let read = ids(&api.orders(&json!({"path": "orders"}))).await;
    assert_eq!(api.asked().len(), 1);
    read
}

fn zipped(write: impl Fn(&mut GzEncoder<Vec<u8>>)) -> Vec<u8> {
    let mut file = GzEncoder::new(Vec::new(), Compression::fast());
    write(&mut file);
    file.finish().unwrap()
}

#[tokio::test]
async fn json_is_read_whatever_it_is_called() {
    let two = [zipped(|file| file.write_all(b"[{\"id\"").unwrap()), zipped(|file| file.write_all(b":1}]").unwrap())];
    for (headers, body) in [
        ("", ONE.into()),
        ("Content-Type: text/html; charset=latin-1\r\n", ONE.into()),
        ("", format!("\u{feff}{ONE}").into_bytes()),
        ("", format!("\n\n {ONE}\r\n").into_bytes()),
        ("Content-Encoding: identity\r\n", ONE.into()),
        ("Content-Encoding: gzip\r\n", two.concat()),
        ("Content-Encoding: x-gzip\r\n", two.concat()),
    ] {
        assert_eq!(read(headers, body).await.unwrap(), ["1"], "{headers}");
    }
}

#[tokio::test]
async fn what_is_not_json_is_named() {
    for (body, words) in [
        (&b""[..], "the answer is empty"),
        (b" \r\n", "the answer is empty"),
        (b"<html>Log in</html>", "the answer is not JSON but HTML or XML"),
        (b"\n<?xml version='1.0'?><orders/>", "the answer is not JSON but HTML or XML"),
        (b"id;total\n1;2\n", "the answer is not JSON but something else"),
        (b"[{'id': 1}]", "the answer is not JSON but something else"),
        (b"[{\"id\":1}] [{\"id\":2}]", "the answer is not JSON but something else"),
        (b"{\"id\":1}\n{\"id\":2}\n", "the answer is not JSON but something else"),
        (b"[{\"id\":\"\xe9\"}]", "the answer is no UTF-8"),
        (b"\xff\xfe[\0]\0", "the answer is no UTF-8"),
    ] {
        let error = read("", body.to_vec()).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (Kind::Data, words));
        assert!(error.place().file.as_ref().unwrap().ends_with("/v1/orders"), "{error}");
    }
}

#[tokio::test]
async fn json_that_is_cut_anywhere_is_cut_short() {
    let whole = r#"{"data":[{"id":-1.5e+3,"name":"é\u00e9"},true,null]}"#;
    let cuts: Vec<&str> = (1..whole.len()).filter_map(|cut| whole.get(..cut)).collect();
    let (count, bodies) = (cuts.len(), cuts.into_iter().map(str::to_owned).collect::<Vec<_>>());
    let api = Api::new(move |number, _| Reply::status(200, "", bodies[number].as_bytes())).await;
    let http = api.orders(&json!({"path": "orders"}));
    for number in 0..count {
        let error = ids(&http).await.unwrap_err();
        let told = (error.kind(), error.message());
        assert_eq!(told, (Kind::Data, "the answer is cut short: its JSON has no end"), "{number}");
    }
}

#[tokio::test]
async fn an_answer_is_bounded_however_small_it_comes() {
    let spaces = vec![b' '; 1 << 20];
    let bomb = zipped(|file| (0..65).for_each(|_| file.write_all(&spaces).unwrap()));
    assert!(bomb.len() < 1 << 20);
    let error = read("Content-Encoding: gzip\r\n", bomb).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Data, "the answer is larger than 64 MB"));
}

#[tokio::test]
async fn an_encoding_that_was_not_asked_for_is_refused() {
    for encoding in ["Content-Encoding: deflate\r\n", "Content-Encoding: br\r\n", "Content-Encoding: gzip, gzip\r\n"] {
        let error = read(encoding, ONE.into()).await.unwrap_err();
        assert!(error.kind() == Kind::Unsupported && error.message().contains("not asked for"), "{encoding} {error}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again() {
    let api = Api::new(|count, _| match count {
        0 => Reply::cut(200, "", b"[{\"id\":0}]", 500),
        _ => Reply::status(200, "", ONE.as_bytes()),
    });
    let api = api.await;
    assert_eq!(ids(&api.orders(&json!({"path": "orders"}))).await.unwrap(), ["1"]);
    assert_eq!(api.asked().len(), 2);
}
