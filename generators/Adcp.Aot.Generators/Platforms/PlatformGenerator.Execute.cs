using Adcp.Aot.Generators.Diagnostics;
using Adcp.Aot.Generators.Text;

namespace Adcp.Aot.Generators.Platforms;

/// <content>Writes C# from the model.</content>
public sealed partial class PlatformGenerator
{
    private const string Tools = Global.IAdcpPlatform + ".Tools";
    private const string Check = Global.IAdcpPlatform + ".CheckArguments";
    private const string Invoke = Global.IAdcpPlatform + ".InvokeAsync";

    /// <summary>The members that the class gets. A test compares the list with the generated text.</summary>
    internal static IEnumerable<GeneratedMember> Members() =>
        [GeneratedMember.Other("AdcpTools"), GeneratedMember.Other(Tools), GeneratedMember.Other(Check), GeneratedMember.Other(Invoke)];

    private static string Execute(PlatformModel model) => GeneratedFile.Of(model.Type, [Global.IAdcpPlatform], text =>
    {
        text.Line(
            $$"""
            {{GeneratedFile.Uncovered}}
            {{Global.IReadOnlyList}}<{{Global.ToolDescription}}> {{Tools}} => AdcpTools.All;

            {{GeneratedFile.Uncovered}}
            void {{Check}}(string tool, {{Global.JsonElement}} arguments)
            """);
        using (text.Open())
        {
            using (text.Open("switch (tool)"))
            {
                foreach (ToolModel tool in model.Tools)
                {
                    if (tool.ArgumentsType is { } type)
                    {
                        text.Line(
                            $$"""
                            case {{Literal.Of(tool.Name)}}:
                                {{Global.PlatformDispatch}}.Arguments(
                                    arguments, {{Global.PlatformDispatch}}.Contract<{{type}}>({{model.JsonContext}}.Default));
                                break;
                            """).Line();
                    }
                }

                text.Line("default:");
                text.Line("    break;");
            }
        }

        text.Line().Line(
            $$"""
            {{GeneratedFile.Uncovered}}
            {{Global.ValueTask}}<{{Global.ToolReply}}> {{Invoke}}(
                string tool,
                {{Global.JsonElement}} arguments,
                {{Global.ToolCall}} call,
                {{Global.CancellationToken}} cancellationToken)
            """);
        using (text.Open())
        {
            text.Line($"{Global.JsonSerializerContext} json = {model.JsonContext}.Default;");
            using (text.Open("switch (tool)"))
            {
                foreach (ToolModel tool in model.Tools)
                {
                    Invocation(text, model, tool);
                }

                text.Line("default:");
                text.Line($"    throw {Global.PlatformDispatch}.Unknown(tool);");
            }
        }

        text.Line().Line("/// <summary>The tools in the order of their methods.</summary>").Line(GeneratedFile.Uncovered);
        using (text.Open("private static class AdcpTools"))
        {
            using (text.Open($"public static readonly {Global.ToolDescription}[] All =", "};"))
            {
                foreach (ToolModel tool in model.Tools)
                {
                    string description = tool.Description is null ? "" : ", " + Literal.Of(tool.Description);
                    using (text.Open($"new {Global.ToolDescription}({Literal.Of(tool.Name)}{description})", "},"))
                    {
                        text.Line($"CanHandOff = {(tool.ReturnsOutcome ? "true" : "false")},");
                        if (tool.ArgumentsType is { } type)
                        {
                            text.Line(
                                $$"""
                                InputSchema = {{Global.PlatformDispatch}}.InputSchema(
                                    {{Global.PlatformDispatch}}.Contract<{{type}}>({{model.JsonContext}}.Default)),
                                """);
                        }
                    }
                }
            }
        }
    });

    /// <summary>Writes the case of a tool, one statement per line.</summary>
    private static void Invocation(IndentedWriter text, PlatformModel model, ToolModel tool)
    {
        text.Line($"case {Literal.Of(tool.Name)}:");
        using (text.Open())
        {
            if (tool.ArgumentsType is { } type)
            {
                text.Line(
                    $$"""
                    {{type}} request = {{Global.PlatformDispatch}}.Arguments(
                        arguments, {{Global.PlatformDispatch}}.Contract<{{type}}>(json));
                    """);
            }

            IEnumerable<string> arguments = tool.Parameters.Select(static kind => kind switch
            {
                'A' => "request",
                'C' => "call",
                _ => "cancellationToken",
            });
            string inner = tool.ReturnsOutcome ? $"{Global.ToolOutcome}<{tool.ResultType}>" : tool.ResultType;
            string call = $"{(tool.IsStatic ? model.Type.FullName : "this")}.{tool.Method}({string.Join(", ", arguments)})";
            text.Line($"{Global.ValueTask}<{inner}> result =");
            text.Line(tool.ReturnsTask ? $"    new({call});" : $"    {call};");
            text.Line(
                $$"""
                return {{Global.PlatformDispatch}}.{{(tool.ReturnsOutcome ? "OutcomeAsync" : "ResultAsync")}}(
                    result, {{Global.PlatformDispatch}}.Contract<{{tool.ResultType}}>(json));
                """);
        }

        text.Line();
    }
}
