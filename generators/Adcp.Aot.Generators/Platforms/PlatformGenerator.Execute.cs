using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.Platforms;

public sealed partial class PlatformGenerator
{
    private static readonly string[] Usings = ["Adcp.Aot.Platform", "System.Collections.Generic", "System.Text.Json", "System.Threading", "System.Threading.Tasks"];

    private static string Execute(PlatformModel model) => GeneratedFile.Of(model.Type, Usings, "IAdcpPlatform", text =>
    {
        using (text.Open("private static readonly ToolDescription[] __tools =", "};"))
        {
            foreach (ToolModel tool in model.Tools)
            {
                text.Line($"new({Literal.Of(tool.Name)}{(tool.Description is null ? "" : ", " + Literal.Of(tool.Description))}),");
            }
        }

        text.Line();
        text.Line("IReadOnlyList<ToolDescription> IAdcpPlatform.Tools => __tools;").Line();
        string head = "ValueTask<ToolReply> IAdcpPlatform.InvokeAsync(string tool, JsonElement arguments, ToolCall call, CancellationToken cancellationToken) => tool switch";
        using (text.Open(head, "};"))
        {
            foreach (ToolModel tool in model.Tools)
            {
                text.Line($"{Literal.Of(tool.Name)} => {Invocation(model, tool)},");
            }

            text.Line("_ => throw PlatformDispatch.Unknown(tool),");
        }
    });

    private static string Invocation(PlatformModel model, ToolModel tool)
    {
        IEnumerable<string> arguments = tool.Parameters.Select(kind => kind switch
        {
            'A' => $"PlatformDispatch.Arguments(arguments, {Contract(model, tool.ArgumentsType!)})",
            'C' => "call",
            _ => "cancellationToken",
        });
        string call = $"{Literal.Name(tool.Method)}({string.Join(", ", arguments)})";
        string inner = tool.ReturnsOutcome ? $"ToolOutcome<{tool.ResultType}>" : tool.ResultType;
        string awaitable = tool.ReturnsTask ? $"new ValueTask<{inner}>({call})" : call;
        return $"PlatformDispatch.{(tool.ReturnsOutcome ? "OutcomeAsync" : "ResultAsync")}({awaitable}, {Contract(model, tool.ResultType)})";
    }

    private static string Contract(PlatformModel model, string type) => $"PlatformDispatch.Contract<{type}>({model.JsonContext}.Default)";
}
