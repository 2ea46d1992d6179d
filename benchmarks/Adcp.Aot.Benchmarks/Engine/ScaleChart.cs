using System.Globalization;
using System.Text;

namespace Adcp.Aot.Benchmarks.Engine;

/// <summary>Look-up times over the number of endpoints and streams, as an SVG. Both axes are logarithmic.</summary>
internal static class ScaleChart
{
    private const double Width = 640;
    private const double Height = 360;
    private const double Left = 64;
    private const double Right = 172;
    private const double Top = 40;
    private const double Bottom = 48;

    internal static string Draw(IReadOnlyList<Scale.Row> rows)
    {
        (string Name, string Colour, Func<Scale.Row, double> Value)[] lines =
        [
            ("find an endpoint", "#0b7285", static row => row.Endpoint),
            ("find a stream", "#e8590c", static row => row.Stream),
            ("bare dictionary", "#868e96", static row => row.Bare),
        ];
        double most = Math.Pow(10, Math.Ceiling(Math.Log10(rows.Max(row => lines.Max(line => line.Value(row))))));
        StringBuilder svg = new();
        svg.AppendLine(
                CultureInfo.InvariantCulture,
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {Height}\" font-family=\"sans-serif\" font-size=\"12\">");
        svg.AppendLine(CultureInfo.InvariantCulture, $"<rect width=\"{Width}\" height=\"{Height}\" fill=\"white\"/>");
        Text(Left, 22, $"Nanoseconds to find one by its url, of as many endpoints and streams", "#212529", size: 14);
        for (double ns = 10; ns <= most; ns *= 10)
        {
            svg.AppendLine(
                CultureInfo.InvariantCulture,
                $"<line x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Y(ns):0.#}\" y2=\"{Y(ns):0.#}\" stroke=\"#dee2e6\"/>");
            Text(Left - 8, Y(ns) + 4, $"{ns:N0}", "#495057", anchor: "end");
        }

        foreach (Scale.Row row in rows)
        {
            Text(X(row.Count), Height - Bottom + 20, $"{row.Count:N0}", "#495057", anchor: "middle");
        }

        // Names that would lie on each other are moved apart.
        double below = double.NegativeInfinity;
        foreach ((string name, string colour, Func<Scale.Row, double> value) in lines.OrderByDescending(line => line.Value(rows[^1])))
        {
            IEnumerable<string> points =
                rows.Select(row => string.Create(CultureInfo.InvariantCulture, $"{X(row.Count):0.#},{Y(value(row)):0.#}"));
            svg.AppendLine(
                CultureInfo.InvariantCulture,
                $"<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{string.Join(' ', points)}\"/>");
            foreach (Scale.Row row in rows)
            {
                svg.AppendLine(
                CultureInfo.InvariantCulture,
                    $"<circle cx=\"{X(row.Count):0.#}\" cy=\"{Y(value(row)):0.#}\" r=\"3\" fill=\"{colour}\"/>");
            }

            below = Math.Max(below + 15, Y(value(rows[^1])) + 4);
            Text(Width - Right + 10, below, $"{name}, {value(rows[^1]):0} ns", colour);
        }

        return svg.AppendLine("</svg>").ToString();

        double X(double count) =>
            Left + ((Width - Left - Right) * Math.Log10(count / rows[0].Count) / Math.Log10((double)rows[^1].Count / rows[0].Count));

        double Y(double ns) => Height - Bottom - ((Height - Top - Bottom) * Math.Max(0, Math.Log10(ns / 10)) / Math.Log10(most / 10));

        void Text(double x, double y, FormattableString text, string colour, string anchor = "start", int size = 12) =>
            svg.AppendLine(
                CultureInfo.InvariantCulture,
                $"<text x=\"{x:0.#}\" y=\"{y:0.#}\" fill=\"{colour}\" text-anchor=\"{anchor}\" font-size=\"{size}\">"
                + $"{FormattableString.Invariant(text)}</text>");
    }
}
