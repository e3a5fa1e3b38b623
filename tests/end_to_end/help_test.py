"""Help, version, configuration files and the shape of a usage error, for every command."""

import os
import re
import subprocess
import unittest

from support import COMMANDS, ENVIRONMENT, HALOREC, FolderTest, command_line, run

# What the program prints when an option is left out of a probe: any message but these.
UNKNOWN = re.compile(r"unknown option|is no option")


def options_of(command):
    """(name, value name or '') of every option that --help lists."""
    text = run(*command.split(), "--help").out
    return re.findall(r"^  --([a-z][a-z0-9-]*)(?: ([^\s(]+))?", text, re.MULTILINE)


class HelpTest(FolderTest):

    def test_overview_lists_every_command(self):
        result = run("--help")
        self.assertEqual(result.status, 0, result)
        listed = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  +\S", result.out, re.MULTILINE)
        self.assertEqual(listed, COMMANDS)
        self.assertEqual(run("help").out, result.out)

    def test_version(self):
        self.assertRegex(run("--version").out, r"^halorec \d+\.\d+\.\d+\n$")

    def test_every_command_explains_itself(self):
        for command in COMMANDS:
            with self.subTest(command):
                result = run(*command.split(), "--help")
                self.assertEqual((result.status, result.err), (0, ""), result)
                self.assertIn(f"halorec {command} ", result.out)
                names = [name for name, _ in options_of(command)]
                self.assertEqual(len(names), len(set(names)))
                for name in ["help", "config", "dump-config", "threads", "seed", "json"]:
                    self.assertIn(name, names)
                self.assertEqual(run("help", *command.split()).out, result.out)

    def test_help_under_mpirun_is_printed_once(self):
        result = run("train", "--help", ranks=2)
        self.assertEqual(result.status, 0, result)
        self.assertEqual(result.out, run("train", "--help").out)

    def test_every_listed_option_is_accepted(self):
        for command in COMMANDS:
            for name, value in options_of(command):
                if name in ("help", "config", "dump-config"):
                    continue
                with self.subTest(f"{command} --{name}"):
                    # --dump-config ends the run before anything is read; a value may still be
                    # refused for being of another type, but never the name.
                    arguments = [*command.split(), "--" + name] + (["1"] if value else [])
                    result = run(*arguments, "--dump-config")
                    self.assertNotRegex(result.err, UNKNOWN)
                    self.assertIn(result.status, (0, 2), result)
                    if result.status == 2:
                        self.assertIn("--" + name, (result.err + " --" + name), result)
                        self.assertRegex(result.err, "allowed|takes", result)

    def test_defaults_in_help_are_the_values_dumped(self):
        for command in COMMANDS:
            with self.subTest(command):
                dumped = dict(re.findall(r"^([a-z][a-z0-9-]*) = (.*)$",
                                         run(*command.split(), "--dump-config").out, re.MULTILINE))
                shown = re.findall(r"^  --([a-z][a-z0-9-]*) \S+ \(=([^)]*)\)",
                                   run(*command.split(), "--help").out, re.MULTILINE)
                for name, default in shown:
                    self.assertEqual(dumped.get(name), default, name)


class ConfigTest(FolderTest):

    def test_dump_reads_back_to_the_same_values(self):
        for command in COMMANDS:
            with self.subTest(command):
                first = run(*command.split(), "--threads", 3, "--seed", 77, "--json", "--dump-config")
                self.assertEqual(first.status, 0, first)
                self.assertIn("threads = 3\n", first.out)
                path = self.write(f"{command}.ini", first.out)
                again = run(*command.split(), "--config", path, "--dump-config")
                self.assertEqual(again.status, 0, again)
                self.assertEqual(again.out, first.out)

    def test_a_config_runs_the_command(self):
        data = self.path("data.h5")
        dumped = run("generate", "--users", 40, "--items", 20, "--edges", 300, "--out", data,
                     "--dump-config")
        self.assertFalse(os.path.exists(data))
        result = run("generate", "--config", self.write("g.ini", dumped.out))
        self.assertEqual(result.status, 0, result)
        self.assertTrue(os.path.exists(data))

    def test_a_fault_names_file_and_line(self):
        path = self.write("train.ini", "# mine\nepohcs = 3\n")
        result = run("train", "--config", path, "--dump-config")
        self.assertEqual(result.status, 2, result)
        self.assertIn(f"{path}:2:", result.err)
        self.assertIn("'epochs'", result.err)


class UsageErrorTest(FolderTest):

    def assert_usage_error(self, result, *words):
        self.assertEqual(result.status, 2, result)
        self.assertEqual(result.out, "")
        self.assertEqual(len(result.errors()), 1, result)
        for word in words:
            self.assertIn(word, result.errors()[0])

    def test_no_command(self):
        self.assert_usage_error(run(), "halorec --help")

    def test_unknown_command(self):
        self.assert_usage_error(run("trian"), "'trian'", "did you mean 'train'?", "import",
                                "export")

    def test_unknown_option_with_and_without_mpirun(self):
        for ranks in (0, 1, 2):
            with self.subTest(ranks=ranks):
                result = run("train", "x", "--run", "y", "--epohcs", 3, ranks=ranks)
                self.assert_usage_error(result, "--epohcs", "--epochs")

    def test_abbreviations_are_not_guessed(self):
        self.assert_usage_error(run("train", "x", "--run", "y", "--epo", 3), "--epo", "--epochs")

    def test_unknown_value(self):
        self.assert_usage_error(run("train", "x", "--run", "y", "--loss", "sofmax", ranks=2),
                                "sofmax", "did you mean 'softmax'?", "bpr")

    def test_options_that_exclude_each_other(self):
        for option in ("--store", "--scores"):
            self.assert_usage_error(run("train", "x", "--run", "y", option, "bf16", "--precision",
                                        "double"), f"{option} bf16", "--precision single")

    def test_missing_argument(self):
        self.assert_usage_error(run("describe"), "DATA", "usage:")
        self.assert_usage_error(run("train", "--run", self.path("y")), "DATA")
        self.assert_usage_error(run("train", "x"), "--run")

    def test_numbers_out_of_range(self):
        for value in ("-1", "0", "nan", "1e99", "3x", ""):
            with self.subTest(value):
                self.assert_usage_error(run("train", "x", "--run", "y", "--dim", value), "--dim")

    def test_ranks_with_different_options_are_told(self):
        # One job of two programs: rank 0 and rank 1 were given different seeds.
        data = self.generate()
        line = command_line(["train", data, "--run", self.path("run"), "--seed", "1"], 1)
        line += [":", "-n", "1", HALOREC, "train", data, "--run", self.path("run"), "--seed", "2"]
        result = subprocess.run(line, capture_output=True, timeout=60, text=True,
                                env=ENVIRONMENT)
        errors = [l for l in result.stderr.splitlines() if l.startswith("halorec: error:")]
        self.assertEqual(len(errors), 1, result.stderr)
        self.assertIn("ranks disagree", errors[0])
        self.assertNotEqual(result.returncode, 0)


class ClosedOutputTest(FolderTest):

    def test_a_reader_that_leaves_is_no_noise(self):
        data = self.generate()
        for arguments in (["train", "--help"], ["describe", data], ["--help"]):
            read, write = os.pipe()
            os.close(read)
            process = subprocess.Popen([HALOREC] + arguments, stdout=write,
                                       stderr=subprocess.PIPE)
            os.close(write)
            _, err = process.communicate(timeout=30)
            self.assertEqual(err, b"", arguments)

    def test_a_full_disk_is_heard(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([HALOREC, "--help"], stdout=full, stderr=subprocess.PIPE,
                                    timeout=30)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"cannot write to standard output", result.stderr)

    def test_a_full_disk_does_not_cost_a_training_its_result(self):
        folder = self.path("run")
        line = [HALOREC, "train", self.generate(), "--run", folder, "--epochs", "2", "--dim", "8"]
        with open("/dev/full", "w") as full:
            result = subprocess.run(line + ["--json"], stdout=full, stderr=subprocess.PIPE,
                                    timeout=60, text=True, env=ENVIRONMENT)
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot write to standard output", result.stderr)
        self.assertIn("the run is finished", result.stderr)
        self.assertTrue(os.path.exists(os.path.join(folder, "metrics.json")))


if __name__ == "__main__":
    unittest.main()
