//! Who is at work on a run, so that a second process does not begin it too.
//!
//! A holder is a process: its machine, its number and when it began. On the same machine a dead one is known at once; one
//! on another machine is believed for a while.

use super::{Fields, Store};
use windvane_core::boxed;
use windvane_core::error::Result;
use windvane_core::resilience::clock;
use windvane_core::schema::infer;

/// So long a process on another machine is taken to be at work.
const BELIEVED_SECONDS: i64 = 900;

impl Store {
    /// Takes what nobody holds; otherwise who does, for people.
    #[boxed]
    pub async fn take_lease(&self, name: &str) -> Result<Option<String>> {
        let me = me();
        let sql = "INSERT INTO leases (name, holder, touched_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING";
        let cells = vec![name.into(), me.as_str().into(), clock::now().rfc3339().into()];
        if self.execute(sql, cells).await? == 1 {
            return Ok(None);
        }
        let Some((holder, touched_at)) = self.lease(name).await? else { return Ok(None) };
        if holder != me && alive(&holder, &touched_at) {
            return Ok(Some(format!("process {} on {}, since {touched_at}", part(&holder, 1), part(&holder, 0))));
        }
        let sql = "UPDATE leases SET holder = $1, touched_at = $2 WHERE name = $3 AND holder = $4";
        let cells = vec![me.as_str().into(), clock::now().rfc3339().into(), name.into(), holder.as_str().into()];
        let taken = self.execute(sql, cells).await? == 1;
        Ok((!taken).then(|| "a process that was faster".to_owned()))
    }

    /// Lets go of what this process holds.
    #[boxed]
    pub async fn drop_lease(&self, name: &str) -> Result<()> {
        let sql = "DELETE FROM leases WHERE name = $1 AND holder = $2";
        self.execute(sql, vec![name.into(), me().into()]).await.map(drop)
    }

    /// Whether the holder has died without letting go.
    #[boxed]
    pub async fn lease_is_orphan(&self, name: &str) -> Result<bool> {
        Ok(self.lease(name).await?.is_some_and(|(holder, touched_at)| !alive(&holder, &touched_at)))
    }

    async fn lease(&self, name: &str) -> Result<Option<(String, String)>> {
        let sql = "SELECT holder, touched_at FROM leases WHERE name = $1";
        let read = |mut fields: Fields| Ok((fields.text()?, fields.text()?));
        self.fetch(sql, vec![name.into()], read).await.map(|mut rows| rows.pop())
    }
}

/// `machine pid began`.
fn me() -> String {
    let pid = std::process::id();
    format!("{} {pid} {}", machine(), began(pid).unwrap_or_default())
}

fn machine() -> String {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default().trim().to_owned();
    let boot = read("/proc/sys/kernel/random/boot_id");
    format!("{}/{}", read("/proc/sys/kernel/hostname"), boot.split('-').next().unwrap_or_default())
}

/// When a process of this machine began, in ticks since the machine did; none when there is no such process.
fn began(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind) = stat.rsplit_once(')')?;
    // Of a dead process that nobody has waited for only its entry is left.
    let mut fields = behind.split_whitespace();
    (fields.next()? != "Z").then(|| fields.nth(18).unwrap_or_default().to_owned())
}

fn part(holder: &str, at: usize) -> &str {
    holder.split(' ').nth(at).unwrap_or_default()
}

fn alive(holder: &str, touched_at: &str) -> bool {
    if part(holder, 0) == machine() {
        let pid = part(holder, 1).parse().unwrap_or_default();
        return began(pid).is_some_and(|began| began == part(holder, 2));
    }
    let seconds = infer::timestamp_tz(touched_at)
        .zip(infer::timestamp_tz(&clock::now().rfc3339()))
        .map(|(then, now)| (now - then) / 1_000_000);
    seconds.is_some_and(|seconds| seconds < BELIEVED_SECONDS)
}
