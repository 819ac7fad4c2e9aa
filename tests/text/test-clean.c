/* SPDX-License-Identifier: Apache-2.0 */
/* Cleaning of prompts: what a user notices, single steps, and time. The golden
 * case text/clean_caption has the reference's results for 821 captions. */
#include "text/clean.h"

#include <string.h>
#include <time.h>

#include "text/clean-steps.h"

typedef struct {
  const char *prompt, *clean;
} Case;

static void
check_cases (const Case *cases, guint n)
{
  for (guint i = 0; i < n; i++) {
    g_autofree char *clean = os_prompt_clean (cases[i].prompt);

    g_assert_cmpstr (clean, ==, cases[i].clean);
  }
}

static const Case plain[] = {
  { "", "" },
  { " \t\r\n\f ", "" },
  { "a red circle", "a red circle" },
  { "\n  A Red   Circle \t", "a red circle" },
  { "\u00a0\u3000x\u2028\u2003y\u2003", "x y" },
  { "a red circle, moving right.", "a red circle, moving right." },
  { "ÄÖÜ Éclair ДОМ", "äöü éclair дом" },
  { "A man's dog; 5 < 6 (50% of it)!", "a man's dog; 5 < 6 50% of it !" },
  { "in the 1990s, at 3.14 km/h", "in the 1990s, at 3.14 km h" },
};

static void
test_plain (void)
{
  check_cases (plain, G_N_ELEMENTS (plain));
}

static const Case noise[] = {
  { "a 1920x1080 photo, f/2.8", "a photo, f 2.8" },
  { "see https://example.com/a/b now", "see now" },
  { "see sub.example.org/a/b@c now", "see b now" },
  { "wait.italy", "" },
  { "photo_1.png of a boat", "of a boat" },
  { "free download: a boat, free shipping", "a boat" },
  { "a boat page 12 (click on it)", "a boat" },
  { "ab123 a1b 1a1 abc123def45gh stay", "stay" },
  { "#hashtag #1234 #123 #12345 1234567", "hashtag 1234" },
  { "by @user at 10:30 ", "by at 10:30" },
  { "at 192.168.1.10 and a\\nb", "at and a b" },
  { "日本語 boat 中文", "boat" },
  { "a<b>c</b> &lt;i&gt;d &amp;amp; e", "ac d ; e" },
  { "a%20b+c %C3%A9 %ff", "a b c é \ufffd" },
  { "«a» ‘b’ “c” — – --", "\"a\" 'b' \"c\" -" },
  { "'quoted'", "quoted" },
  { "-a boat:", "a boat" },
  { ".hidden", "" },
  { "a_b-c_d-e", "a b c d e" },
  { "a_b-c_d", "a_b-c_d" },
  { "a ... b . c", "a b c" },
  { "it costs 5 : 6", "it costs 5: 6" },
  { "ﬁne ＡＢ cafe\u0301", "fine ab café" },
  { "ΜΈΓΑΣ ΟΔΟΣ Σ", "μέγας οδος σ" },
  { "&hearts; &notit; \uff06hearts;", "♥ notit ♥" },
  { "a <b title=\"x>y\">c", "a c" },
  { "1x2.5abc 3\u00d74", "" },
  { "\x1b[31mred\x1b[0m", "31mred 0m" },
  { "<![foo bar]> baz", "baz" },
};

static void
test_noise (void)
{
  check_cases (noise, G_N_ELEMENTS (noise));
}

/* Rows of the table are in the order of their numbers, and each does one
 * thing. */
static void
test_table (void)
{
  for (guint i = 0; i < os_clean_n_steps; i++) {
    const OsCleanStep *step = &os_clean_steps[i];

    g_assert_true ((step->change == NULL) != (step->match == NULL));
    g_assert_true ((step->match == NULL) == (step->with == NULL));
    g_assert_true (i == 0 || step->number > step[-1].number);
  }
  g_assert_cmpuint (os_clean_steps[os_clean_n_steps - 1].number, ==, 51);
}

/* --- time --- */

#define LENGTH 100000

/* Repeated up to LENGTH, with the suffix. */
static const struct {
  const char *unit, *suffix;
} hostile[] = { { "<", ">" }, { "&", ";" }, { "%", "" }, { "%c3", "" },
  { "-", "" }, { "\u2014", "" }, { ".", "" }, { "a", "" }, { "a1", "" },
  { "1.", "" }, { "1x", "" }, { "ab1c2 ", "" }, { " ", "." }, { " .", "" },
  { "a :", "" }, { "\n", "" }, { "\u00e9\n", "" }, { "a.", "" }, { "a-", "" },
  { "a.com@", "" }, { "a.co/", "@" }, { "www.", "" }, { "http:", "" },
  { ".pn", "" }, { ".png", "" }, { "worldwide ", "" }, { "free ", "" },
  { "<a", "" }, { "<a ", "" }, { "<a ", ">" }, { "<a>", "" }, { "<a></b>", "" },
  { "<a b=\"><a\" c=", "" }, { "<a b='><a c=\"", "" }, { "<a/b=", "" },
  { "<a b=<", "" }, { "<!-- >", "" }, { "<!--", "" }, { "- ", "-->" },
  { "<![cdata[ ]> ", "" }, { "<![if >", "" }, { "</a ", "" },
  { "<script>", "" }, { "<rt></b>", "" }, { "&#", "" }, { "&#x1", "" },
  { "&a", "" }, { "&amp;", "" }, { "\uff06amp;", "" }, { "\u00c3\u00a9", "" },
  { "\u00e2\u20ac\u2122", "" }, { "\u00e9", "" }, { "\u03a3'", "" },
  { "\u0301\u0323", "" }, { "\u0f73", "" }, { "\uff21", "" },
  { "\x1b[1", "" } };

/* Seconds of this process; others may keep the machine busy. */
static double
get_cpu_time (void)
{
  return (double) clock () / CLOCKS_PER_SEC;
}

/* Quadratic work takes tens of seconds for any of these. */
static void
test_time (void)
{
  const char *factor = g_getenv ("OPENSORA_TEST_TIME_FACTOR");
  const double limit = 4 * (factor != NULL ? g_ascii_strtod (factor, NULL) : 1);

  for (guint i = 0; i < G_N_ELEMENTS (hostile); i++) {
    g_autoptr (GString) prompt = g_string_new (NULL);
    g_autofree char *clean = NULL;
    double start = get_cpu_time ();

    while (prompt->len < LENGTH)
      g_string_append (prompt, hostile[i].unit);
    g_string_append (prompt, hostile[i].suffix);
    clean = os_prompt_clean (prompt->str);
    g_test_message ("\"%s\" %.3f s", hostile[i].unit, get_cpu_time () - start);
    g_assert_true (g_utf8_validate (clean, -1, NULL));
    g_assert_cmpfloat (get_cpu_time () - start, <, limit);
  }
}

/* Layer upon layer of mojibake. */
static void
test_layers (void)
{
  g_autofree char *text = g_strdup ("\u00e9");
  g_autofree char *clean = NULL;

  for (guint layer = 0; layer < 15; layer++) {
    char *next = g_convert (text, -1, "UTF-8", "ISO-8859-1", NULL, NULL, NULL);

    g_free (text);
    text = next;
  }
  clean = os_prompt_clean (text);
  g_assert_true (g_utf8_validate (clean, -1, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/clean/plain", test_plain);
  g_test_add_func ("/text/clean/noise", test_noise);
  g_test_add_func ("/text/clean/table", test_table);
  g_test_add_func ("/text/clean/time", test_time);
  g_test_add_func ("/text/clean/layers", test_layers);
  return g_test_run ();
}
