//! Who owns the live memory, as raw numbers. An owner's stacks have the functions and lines of code
//! where they are found.

use serde_core::ser::{Serialize, SerializeMap, Serializer};

use crate::report::{Age, Estimate, Frame, Live, LivePoint, Owner, Rise, Stack};

use super::micros;

serialize!(live: Live {
    "owners": live.owners,
    "total": live.total,
    "interval": live.interval,
    "active": live.active,
    "lost": live.lost,
});

serialize!(owner: Owner {
    "kind": owner.kind.key(),
    "path": owner.path,
    "live": owner.live,
    "running": owner.running,
    "finished": owner.finished,
    "history": owner.history,
    "stacks": owner.stacks,
    maybe {
        "after": owner.after,
        "oldest": owner.oldest,
        "median": owner.median,
        "rise": owner.rise,
    }
});

serialize!(estimate: Estimate {
    "bytes": estimate.bytes,
    "error": estimate.error,
    "samples": estimate.samples,
    "is_rough": estimate.is_rough(),
});

serialize!(age: Age {
    "time_us": micros(age.time),
    maybe {
        "calls": age.calls,
    }
});

serialize!(rise: Rise {
    "time_us": micros(rise.time),
    "owned": rise.owned,
    "bytes": rise.bytes,
    "error": rise.error,
    "per_second": rise.per_second,
    "recent_per_second": rise.recent_per_second,
    maybe {
        "calls": rise.calls,
    }
});

serialize!(point: LivePoint {
    "uptime_us": point.uptime_us,
    "bytes": point.bytes,
});

/// Without the feature `symbols` there are no frames: they would only repeat the addresses.
impl Serialize for Stack {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("live", &self.live)?;
        map.serialize_entry("addresses", &self.addresses)?;
        if cfg!(feature = "symbols") {
            map.serialize_entry("frames", &self.frames())?;
        }
        map.end()
    }
}

serialize!(frame: Frame {
    "address": frame.address,
    maybe {
        "function": frame.function,
        "file": frame.line.as_ref().map(|(file, _)| file),
        "line": frame.line.as_ref().map(|(_, line)| line),
    }
});

#[cfg(all(test, feature = "enabled", feature = "json"))]
mod tests {
    use serde_json::{Value, json};

    use crate::report::Report;
    use crate::report::sample_reports::{KIB, MIB, hot_spots, with_owners};

    fn value(report: &Report) -> Value {
        serde_json::to_value(report).expect("JSON")
    }

    #[test]
    fn owners_are_raw_numbers() {
        let value = value(&with_owners());
        let live = &value["live"];
        assert_eq!(live["interval"], json!(512 * KIB));
        assert_eq!(live["active"], json!(true));
        assert_eq!(live["lost"], json!(0));
        let owner = &live["owners"][0];
        assert_eq!(owner["kind"], json!("call"));
        assert_eq!(owner["path"], json!(["app::handler", "app::Cache::remember"]));
        assert_eq!(owner["after"], json!("parsed"));
        assert_eq!(owner["live"]["bytes"], json!(62 * MIB));
        assert_eq!(owner["live"]["is_rough"], json!(false));
        assert_eq!(owner["running"]["samples"], json!(1));
        assert_eq!(owner["median"], json!({ "time_us": 5_000_000, "calls": 340 }));
        assert_eq!(owner["rise"]["bytes"], json!(31 * MIB));
        assert_eq!(owner["rise"]["time_us"], json!(5_000_000));
        assert_eq!(owner["history"][0], json!({ "uptime_us": 500_000, "bytes": 0 }));
        assert!(owner["stacks"][0]["addresses"][0].is_u64());
        assert_eq!(owner["stacks"][0]["live"]["samples"], json!(24));
        let node = &value["tree"][0]["children"][3];
        assert_eq!(node["function"], json!("app::Cache::remember"));
        assert_eq!(node["live"], owner["live"]);
    }

    #[test]
    fn what_is_not_known_of_an_owner_has_no_key() {
        let value = value(&with_owners());
        let owners = &value["live"]["owners"];
        let other =
            owners.as_array().expect("owners").iter().find(|one| one["kind"] == "not_annotated");
        let other = other.expect("code outside any call");
        assert_eq!(other["path"], json!([]));
        assert_eq!(other["median"], json!({ "time_us": 9_000_000 }));
        for key in ["after", "rise"] {
            assert_eq!(other.get(key), None);
        }
        assert_eq!(value["tree"][1].get("live"), None);
        assert_eq!(self::value(&hot_spots()).get("live"), None);
    }

    #[test]
    #[cfg(feature = "symbols")]
    fn a_stack_has_the_functions_and_lines_of_its_addresses() {
        let value = value(&with_owners());
        let frames = value["live"]["owners"][0]["stacks"][0]["frames"].clone();
        let frames = frames.as_array().expect("frames");
        let known = frames.iter().find(|frame| frame["function"].is_string());
        assert!(known.expect("a function")["address"].is_u64(), "{frames:?}");
    }
}
