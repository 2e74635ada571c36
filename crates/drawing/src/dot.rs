//! A network in the language of Graphviz: <https://graphviz.org/doc/info/lang.html>.

use std::fmt::Write as _;

use crate::Diagram;

impl Diagram {
    /// The network as a graph called `name` in the language DOT, with shapes at the edges.
    pub fn dot(&self, name: &str) -> String {
        let mut text = format!("digraph {} {{\n", quoted(name));
        text += "    node [shape=box, style=rounded, fontname=\"sans-serif\"];\n";
        text += "    edge [fontname=\"sans-serif\", fontsize=10];\n";
        for (i, node) in self.nodes.iter().enumerate() {
            let _ = writeln!(text, "    n{i} [label={}];", quoted(&self.labels(i).join("\n")));
            for from in &node.inputs {
                let label = quoted(&self.nodes[*from].output);
                let _ = writeln!(text, "    n{from} -> n{i} [label={label}];");
            }
        }
        text + "}\n"
    }

    /// The lines of the box of node `i`. The output of the last has no edge to stand at.
    pub(crate) fn labels(&self, i: usize) -> Vec<String> {
        let mut lines = self.nodes[i].lines();
        if i + 1 == self.nodes.len() {
            lines.push(format!("output {}", self.nodes[i].output));
        }
        lines
    }
}

/// A string of DOT, in which a line break is written `\n`.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use crate::testing::diagram;

    #[test]
    fn names_are_escaped() {
        let text = diagram(&[("input", &[]), ("a\"];\\", &[0])]).dot("x\"\n");
        let expected = r#"digraph "x\"\n" {
    node [shape=box, style=rounded, fontname="sans-serif"];
    edge [fontname="sans-serif", fontsize=10];
    n0 [label="input"];
    n1 [label="a\"];\\\noutput [N, 4]"];
    n0 -> n1 [label="[N, 4]"];
}
"#;
        assert_eq!(text, expected);
    }
}
