//! Plain line plots as SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;
/// Room for a number below the horizontal axis.
const LABEL: f64 = 30.0;
/// Colours that remain apart for most who see colours differently (Okabe and Ito).
const COLOURS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
];

/// Lines over a common pair of axes; the vertical one begins at 0.
pub struct Plot {
    pub title: &'static str,
    pub x: &'static str,
    pub y: &'static str,
    pub lines: Vec<Line>,
}

/// Points in order, joined.
pub struct Line {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

impl Plot {
    /// The plot as an SVG document.
    pub fn svg(&self) -> String {
        let axes = Axes::around(&self.lines);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
        );
        label(
            &mut out,
            (WIDTH - RIGHT + LEFT) / 2.0,
            TOP / 2.0,
            self.title,
        );
        label(
            &mut out,
            (WIDTH - RIGHT + LEFT) / 2.0,
            HEIGHT - 12.0,
            self.x,
        );
        let _ = writeln!(
            out,
            "<text x=\"{LEFT}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            TOP - 12.0,
            self.y
        );
        axes.draw(&mut out, &self.lines);
        for (number, (line, colour)) in self.lines.iter().zip(COLOURS.iter().cycle()).enumerate() {
            axes.draw_line(&mut out, line, colour);
            let y = TOP + 20.0 * number as f64 + 10.0;
            let x = WIDTH - RIGHT + 16.0;
            let _ = writeln!(
                out,
                "<circle cx=\"{x}\" cy=\"{}\" r=\"4\" fill=\"{colour}\"/><text x=\"{}\" y=\"{y}\">{}</text>",
                y - 4.0,
                x + 10.0,
                line.name
            );
        }
        out + "</svg>\n"
    }
}

fn label(out: &mut String, x: f64, y: f64, text: &str) {
    let _ = writeln!(
        out,
        "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{text}</text>"
    );
}

/// What stands where.
struct Axes {
    right: f64,
    /// The step between two marks of the vertical axis, and how many there are.
    step: f64,
    steps: u32,
}

impl Axes {
    fn around(lines: &[Line]) -> Self {
        let points = || lines.iter().flat_map(|line| &line.points);
        let right = points().map(|(x, _)| *x).fold(1.0, f64::max);
        let top = points().map(|(_, y)| *y).fold(0.0, f64::max);
        let step = nice_step(top);
        let steps = (top / step).ceil().max(1.0) as u32;
        Self { right, step, steps }
    }

    fn x(&self, x: f64) -> f64 {
        LEFT + x / self.right * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, y: f64) -> f64 {
        let top = self.step * f64::from(self.steps);
        HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM)
    }

    fn draw(&self, out: &mut String, lines: &[Line]) {
        let digits = usize::from(self.step < 1.0);
        for mark in 0..=self.steps {
            let value = self.step * f64::from(mark);
            let y = self.y(value);
            let _ = writeln!(
                out,
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.digits$}</text>",
                self.x(self.right),
                LEFT - 6.0,
                y + 4.0
            );
        }
        let longest = lines.iter().max_by_key(|line| line.points.len());
        let marks = longest.iter().flat_map(|line| &line.points);
        // From the right: of marks too close to each other the larger says more.
        let mut free = f64::INFINITY;
        for (x, _) in marks.rev() {
            let at = self.x(*x);
            if at <= free {
                label(out, at, HEIGHT - BOTTOM + 18.0, &x.to_string());
                free = at - LABEL;
            }
        }
    }

    fn draw_line(&self, out: &mut String, line: &Line, colour: &str) {
        let at = |(x, y): &(f64, f64)| format!("{:.1},{:.1}", self.x(*x), self.y(*y));
        let points: Vec<String> = line.points.iter().map(at).collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            points.join(" ")
        );
        for (x, y) in &line.points {
            let (x, y) = (self.x(*x), self.y(*y));
            let _ = writeln!(
                out,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
            );
        }
    }
}

/// 1, 2 or 5 times a power of ten, so that four to ten steps reach `top`.
fn nice_step(top: f64) -> f64 {
    if top <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf((top / 10.0).log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|factor| factor * power);
    let enough = |step: &f64| top / step <= 10.0;
    steps.into_iter().find(enough).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_numbers() {
        assert_eq!(nice_step(0.0), 1.0);
        assert_eq!(nice_step(9.0), 1.0);
        assert_eq!(nice_step(95.0), 10.0);
        assert_eq!(nice_step(420.0), 50.0);
    }

    #[test]
    fn every_point_is_drawn_within_the_picture() {
        let points = vec![(1.0, 10.0), (4.0, 80.0), (16.0, 0.0)];
        let plot = Plot {
            title: "t",
            x: "x",
            y: "y",
            lines: vec![Line { name: "a", points }],
        };
        let svg = plot.svg();
        assert_eq!(svg.matches("r=\"3\"").count(), 3);
        let axes = Axes::around(&plot.lines);
        assert_eq!((axes.x(0.0), axes.y(0.0)), (LEFT, HEIGHT - BOTTOM));
        assert_eq!(axes.y(80.0), TOP);
        assert_eq!(axes.x(16.0), WIDTH - RIGHT);
    }
}
