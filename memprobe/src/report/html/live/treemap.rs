//! Divides a rectangle into smaller ones whose areas are given, and which are as square as can be
//! (M. Bruls, K. Huizing and J. van Wijk, "Squarified treemaps", 2000).

/// A rectangle; the whole one has a width and a height of 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// Returns a rectangle for each of `sizes`, the largest of which comes first. The whole is `ratio`
/// times as wide as high.
pub(super) fn squarified(sizes: &[f64], ratio: f64) -> Vec<Area> {
    let whole: f64 = sizes.iter().sum();
    let mut rest = Area { x: 0.0, y: 0.0, width: ratio, height: 1.0 };
    let mut sizes: Vec<f64> = sizes.iter().map(|size| size / whole * ratio).collect();
    let mut areas = Vec::new();
    while !sizes.is_empty() {
        let side = rest.width.min(rest.height);
        // As long as another one in the row makes its worst rectangle more square.
        let mut count = 1;
        while count < sizes.len() && worst(&sizes[..=count], side) <= worst(&sizes[..count], side) {
            count += 1;
        }
        let row: Vec<f64> = sizes.drain(..count).collect();
        rest = lay(&row, rest, &mut areas);
    }
    let scaled = |area: Area| Area { x: area.x / ratio, width: area.width / ratio, ..area };
    areas.into_iter().map(scaled).collect()
}

/// Returns the highest ratio of the sides of the rectangles in a row along `side`.
fn worst(row: &[f64], side: f64) -> f64 {
    let thickness = row.iter().sum::<f64>() / side;
    let ratio = |size: &f64| {
        let length = size / thickness;
        (length / thickness).max(thickness / length)
    };
    row.iter().map(ratio).fold(0.0, f64::max)
}

/// Lays a row along the shorter side of what is free, and returns the rest.
fn lay(row: &[f64], free: Area, areas: &mut Vec<Area>) -> Area {
    let Area { mut x, mut y, width, height } = free;
    let size: f64 = row.iter().sum();
    if width >= height {
        let thickness = size / height;
        for part in row {
            let length = part / thickness;
            areas.push(Area { x, y, width: thickness, height: length });
            y += length;
        }
        Area { x: x + thickness, width: width - thickness, ..free }
    } else {
        let thickness = size / width;
        for part in row {
            let length = part / thickness;
            areas.push(Area { x, y, width: length, height: thickness });
            x += length;
        }
        Area { y: y + thickness, height: height - thickness, ..free }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_as_given_and_do_not_overlap() {
        let sizes = [60.0, 20.0, 9.0, 6.0, 3.0, 1.0, 0.5, 0.5];
        let areas = squarified(&sizes, 2.5);
        for (area, size) in areas.iter().zip(sizes) {
            assert!((area.width * area.height - size / 100.0).abs() < 1e-9, "{area:?} is {size}");
            assert!(area.x > -1e-9 && area.x + area.width < 1.0 + 1e-9, "{area:?}");
            assert!(area.y > -1e-9 && area.y + area.height < 1.0 + 1e-9, "{area:?}");
        }
        for (at, one) in areas.iter().enumerate() {
            for other in &areas[at + 1..] {
                let overlap = |from: f64, length: f64, other: f64, other_length: f64| {
                    (from + length).min(other + other_length) - from.max(other)
                };
                let width = overlap(one.x, one.width, other.x, other.width);
                let height = overlap(one.y, one.height, other.y, other.height);
                assert!(width < 1e-9 || height < 1e-9, "{one:?} and {other:?}");
            }
        }
        assert_eq!(squarified(&[], 2.0), []);
    }
}
