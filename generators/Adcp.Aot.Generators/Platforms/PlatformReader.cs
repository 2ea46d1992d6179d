using System.Collections.Immutable;
using System.Text;
using Adcp.Aot.Generators.Diagnostics;
using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Text;
using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.Platforms;

/// <summary>Reads an attributed platform. Generator and analyzer both use it.</summary>
internal static class PlatformReader
{
    public const string Attribute = "Adcp.Aot.Platform.AdcpPlatformAttribute";
    private const string Name = "AdcpPlatform";
    private const string Tool = "Adcp.Aot.Platform.AdcpToolAttribute";

    private static readonly SymbolDisplayFormat Qualified = SymbolDisplayFormat.FullyQualifiedFormat.WithMiscellaneousOptions(
        SymbolDisplayFormat.FullyQualifiedFormat.MiscellaneousOptions
        | SymbolDisplayMiscellaneousOptions.IncludeNullableReferenceTypeModifier);

    public static Parsed<PlatformModel> Read(INamedTypeSymbol type, AttributeData attribute, CancellationToken cancellationToken)
    {
        ImmutableArray<Diagnostic>.Builder faults = ImmutableArray.CreateBuilder<Diagnostic>();
        if (!ClassShape.Check(type, Name, constructs: false, faults, cancellationToken))
        {
            return new(null, faults.ToImmutable());
        }

        Location location = type.Locations.FirstOrDefault() ?? Location.None;
        INamedTypeSymbol? context = ContextOf(attribute);
        if (context is null)
        {
            faults.Add(Diagnostic.Create(Rules.NotAJsonContext, location, type.Name));
        }
        else if (ClassShape.IsFileLocal(context))
        {
            faults.Add(Diagnostic.Create(Rules.Inaccessible, location, type.Name, Name, context.Name, ClassShape.FileLocalReason));
        }

        List<ToolModel> tools = [];
        HashSet<string> names = [];
        foreach (IMethodSymbol method in type.GetMembers().OfType<IMethodSymbol>())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (ToolOf(method) is not { } tool)
            {
                continue;
            }

            Location place = method.Locations.FirstOrDefault() ?? location;
            string name = NameOf(tool);
            if (!IsToolName(name))
            {
                string nearest = NearestToolName(name);
                Location argument = new AttributeSource(tool, cancellationToken).Argument(0);
                faults.Add(Diagnostic.Create(
                    Rules.NotAToolName, argument, nearest.Length == 0 ? null : FixProperties.Replace(nearest), name));
            }
            else if (!names.Add(name))
            {
                faults.Add(Diagnostic.Create(Rules.DuplicateTool, place, name));
            }
            else if (Shape(method, name, tool) is { } model)
            {
                tools.Add(model);
            }
            else
            {
                faults.Add(Diagnostic.Create(Rules.WrongToolShape, place, method.Name));
            }
        }

        if (tools.Count == 0 && faults.Count == 0)
        {
            faults.Add(Diagnostic.Create(Rules.NoTools, location, type.Name));
        }

        ClassShape.CheckNames(type, Name, PlatformGenerator.Members(), faults);
        return new(
            context is null || faults.Count > 0 ? null
                : new PlatformModel(TypeModel.Of(type), context.ToDisplayString(Qualified), new([.. tools])),
            faults.ToImmutable());
    }

    /// <summary>Returns the JSON context of a platform; null if the attribute names none.</summary>
    public static INamedTypeSymbol? ContextOf(AttributeData platform) =>
        platform.ConstructorArguments.FirstOrDefault().Value is INamedTypeSymbol named && DerivesFromContext(named) ? named : null;

    /// <summary>Returns the attribute of a tool's method; null if the method is not a tool.</summary>
    public static AttributeData? ToolOf(IMethodSymbol method) =>
        method.GetAttributes().FirstOrDefault(static each => each.AttributeClass?.ToDisplayString() == Tool);

    /// <summary>Returns the name of a tool; empty if the attribute gives none.</summary>
    public static string NameOf(AttributeData tool) => tool.ConstructorArguments.FirstOrDefault().Value as string ?? "";

    /// <summary>Returns the signature of a tool's method; null if it is wrong.</summary>
    public static ToolSignature? SignatureOf(IMethodSymbol method)
    {
        if (method.IsGenericMethod || method.ReturnType is not INamedTypeSymbol { IsGenericType: true } awaited)
        {
            return null;
        }

        bool isTask = IsOf(awaited, "System.Threading.Tasks.Task<TResult>");
        if (!isTask && !IsOf(awaited, "System.Threading.Tasks.ValueTask<TResult>"))
        {
            return null;
        }

        ITypeSymbol result = awaited.TypeArguments[0];
        bool isOutcome = result is INamedTypeSymbol outcome && IsOf(outcome, "Adcp.Aot.Platform.ToolOutcome<T>");
        result = isOutcome ? ((INamedTypeSymbol)result).TypeArguments[0] : result;

        string parameters = "";
        ITypeSymbol? arguments = null;
        foreach (IParameterSymbol parameter in method.Parameters)
        {
            char kind = parameter.Type.ToDisplayString() switch
            {
                "Adcp.Aot.Platform.ToolCall" => 'C',
                "System.Threading.CancellationToken" => 'T',
                _ => 'A',
            };
            if (parameter.RefKind != RefKind.None || parameters.IndexOf(kind) >= 0)
            {
                return null;
            }

            parameters += kind;
            arguments = kind == 'A' ? parameter.Type.WithNullableAnnotation(NullableAnnotation.NotAnnotated) : arguments;
        }

        return new(parameters, arguments, result, isOutcome, isTask);
    }

    private static ToolModel? Shape(IMethodSymbol method, string name, AttributeData attribute)
    {
        if (SignatureOf(method) is not { } signature)
        {
            return null;
        }

        string? description =
            attribute.NamedArguments.FirstOrDefault(static argument => argument.Key == "Description").Value.Value as string;
        return new(
            name,
            description,
            Literal.Name(method.Name),
            signature.Parameters,
            signature.Arguments?.ToDisplayString(Qualified),
            signature.Result.ToDisplayString(Qualified),
            signature.ReturnsOutcome,
            signature.ReturnsTask,
            method.IsStatic);
    }

    private static bool IsOf(INamedTypeSymbol type, string definition) => type.OriginalDefinition.ToDisplayString() == definition;

    private static bool DerivesFromContext(INamedTypeSymbol type)
    {
        for (INamedTypeSymbol? each = type; each is not null; each = each.BaseType)
        {
            if (each.ToDisplayString() == "System.Text.Json.Serialization.JsonSerializerContext")
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Returns the name in snake case, without characters that a tool's name cannot have; empty if none is left.
    /// </summary>
    private static string NearestToolName(string name)
    {
        StringBuilder nearest = new();
        for (int i = 0; i < name.Length; i++)
        {
            char c = name[i];
            bool begins = c is >= 'A' and <= 'Z' && i > 0 && name[i - 1] is (>= 'a' and <= 'z') or (>= '0' and <= '9');
            bool separates = nearest.Length > 0 && nearest[nearest.Length - 1] != '_';
            if (c is >= 'A' and <= 'Z' && begins && separates)
            {
                nearest.Append('_');
            }

            c = c is >= 'A' and <= 'Z' ? (char)(c + ('a' - 'A')) : c;
            if (c is >= 'a' and <= 'z' || (c is >= '0' and <= '9' && nearest.Length > 0))
            {
                nearest.Append(c);
            }
            else if (nearest.Length > 0 && nearest[nearest.Length - 1] != '_')
            {
                nearest.Append('_');
            }
        }

        return nearest.ToString(0, Math.Min(nearest.Length, 64)).TrimEnd('_');
    }

    public static bool IsToolName(string name) =>
        name.Length is > 0 and <= 64 && name[0] is >= 'a' and <= 'z'
            && name.All(static c => c is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '_');
}
