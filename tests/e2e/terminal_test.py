#!/usr/bin/env python3
"""What a terminal gets to see."""

import re

import support

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\u202e"


class Terminal(support.EndToEnd):
    def hostile(self):
        """JSON may carry some controls raw, inside its strings; binary data and names are as free."""
        self.run_program("event", "append", "s", "T", "--data", '"\x7f\x9b31m\u202e"')
        self.run_program("event", "append", "s\u202e", "T\u2066", "--data", "{}", "--tag", "t\u202e")
        self.run_program("event", "append", "s", "T", "--format", "binary", "--data", "-", input=HOSTILE)

    def assert_harmless(self, text):
        text = text.replace("\r\n", "\n")  # the terminal's own
        found = re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]", text)
        self.assertEqual(found, [], repr(text))

    def test_control_characters_are_spelled_out(self):
        self.hostile()
        for arguments in (
            ["stream", "list"],
            ["stream", "read", "s"],
            ["stream", "inspect", "s\u202e"],
            ["event", "tail"],
            ["event", "replay"],
        ):
            for form in ("table", "json", "ndjson"):
                with self.subTest(arguments=arguments, form=form):
                    text = self.on_terminal("--output", form, *arguments)
                    self.assertNotEqual(text, "")
                    self.assert_harmless(text)
        self.assert_harmless(self.on_terminal("event", "export"))

    def test_errors_are_spelled_out_too(self):
        self.hostile()
        self.assert_harmless(self.on_terminal("stream", "read", HOSTILE, stderr=True))

    def test_a_pipe_gets_the_bytes_as_they_are_but_for_tables(self):
        self.hostile()
        self.append("s", data='{\n"a": 1\n}')
        self.assertIn('"\x7f\x9b31m\u202e"', self.text("stream", "read", "s"))
        table = self.text("--output", "table", "stream", "read", "s")
        self.assert_harmless(table)
        self.assertEqual(len(table.splitlines()), 1 + 3)

    def test_json_has_the_same_lines_as_in_a_pipe(self):
        self.append("s", tag="t")
        for arguments in (["maint", "verify"], ["stream", "inspect", "s"], ["stream", "list"]):
            for form in ("json", "ndjson"):
                with self.subTest(arguments=arguments, form=form):
                    text = self.on_terminal("--output", form, *arguments)
                    self.assertEqual(text.replace("\r\n", "\n"), self.text("--output", form, *arguments))

    def test_a_terminal_gets_a_table(self):
        self.append("s")
        self.assertIn("first_position", self.on_terminal("stream", "list").splitlines()[0])

    def test_a_table_of_events_leaves_room_for_data_in_80_columns(self):
        self.import_permits()
        self.append("a-" + "long" * 20, "ü" * 100, data='{"a":1}', time="2010-10-02T07:20:39.5Z")
        for arguments in (["tail"], ["replay"], ["replay", "--speed", "1e15"]):
            with self.subTest(arguments=arguments):
                lines = self.on_terminal("event", *arguments, columns=80).splitlines()
                place = lines[0].index("data")
                self.assertLessEqual(place, 60)
                self.assertEqual({len(line) for line in lines[1:-1]}, {80})
                self.assertEqual({line[place - 3 : place] for line in lines[1:]}, {"Z  "})
                self.assertTrue(lines[-1].endswith('2010-10-02T07:20:39Z  {"a":1}'), lines[-1])

    def test_the_summary_of_an_import_fits_80_columns(self):
        for _ in range(2):
            summary = self.on_terminal("event", "import", support.PERMITS, columns=80)
            self.assertIn("events/s", summary)
            self.assertLess(len(summary.rstrip()), 80, summary)

    def test_progress_is_shown_on_a_terminal_only(self):
        result = self.run_program("event", "import", support.PERMITS)
        self.assertEqual(result.stderr, b"")


if __name__ == "__main__":
    support.main()
