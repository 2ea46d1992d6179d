using System.Collections.Immutable;
using Adcp.Aot.Generators.Diagnostics;
using Adcp.Aot.Generators.Models;
using Adcp.Aot.Generators.Sql;
using Adcp.Aot.Generators.Text;
using Microsoft.CodeAnalysis;

namespace Adcp.Aot.Generators.DeliveryLogs;

/// <summary>Reads <c>[DeliveryLogColumn]</c> and <c>[DeliveryLogIgnore]</c> into the columns of a log.</summary>
internal sealed class ColumnParser(INamedTypeSymbol type, ImmutableArray<Diagnostic>.Builder faults, CancellationToken cancellationToken)
{
    private const string ColumnAttribute = "Adcp.Aot.Auditing.DeliveryLogColumnAttribute";
    private const string IgnoreAttribute = "Adcp.Aot.Auditing.DeliveryLogIgnoreAttribute";

    private readonly Dictionary<int, ColumnModel> _mapped = [];
    private readonly List<ColumnModel> _computed = [];
    private readonly HashSet<int> _ignored = [];
    private readonly Dictionary<string, Location> _names = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Returns the columns: fields in their own order, then computed ones.</summary>
    /// <param name="onlyMapped"><c>true</c> if a field without an attribute is left out.</param>
    public EquatableArray<ColumnModel> Parse(bool onlyMapped)
    {
        foreach (AttributeData attribute in type.GetAttributes())
        {
            AttributeSource source = new(attribute, cancellationToken);
            switch (attribute.AttributeClass?.ToDisplayString())
            {
                case IgnoreAttribute when attribute.ConstructorArguments is [{ Kind: TypedConstantKind.Array } fields]:
                    ParseIgnored(fields.Values, source);
                    break;
                case ColumnAttribute when attribute.ConstructorArguments is [{ Kind: TypedConstantKind.Enum, Value: int field }, ..]:
                    ParseField(field, attribute, source);
                    break;
                case ColumnAttribute when attribute.ConstructorArguments is [_, { Value: var member }]:
                    ParseComputed(attribute.ConstructorArguments[0].Value as string, member as string, source);
                    break;
                default:
                    break;
            }
        }

        List<ColumnModel> columns = [];
        foreach (AttemptFieldModel field in AttemptFieldModel.All)
        {
            if (_mapped.TryGetValue(field.Number, out ColumnModel? mapped))
            {
                columns.Add(mapped);
            }
            else if (!onlyMapped && !_ignored.Contains(field.Number))
            {
                Claim(field.Column, null);
                columns.Add(new ColumnModel(
                    field.Column, field.Name, null, field.Kind, field.Nullable, ColumnModel.DefaultOf(field.Kind), 0, Redaction.None));
            }
        }

        columns.AddRange(_computed);
        if (columns.Count == 0 && faults.Count == 0)
        {
            faults.Add(Diagnostic.Create(Rules.NoColumns, type.Locations.FirstOrDefault(), type.Name));
        }

        return columns.ToEquatableArray();
    }

    private void ParseIgnored(ImmutableArray<TypedConstant> fields, AttributeSource source)
    {
        foreach (TypedConstant field in fields)
        {
            if (FieldOf(field.Value, source.Whole) is { } known)
            {
                _ignored.Add(known.Number);
            }
        }
    }

    private void ParseField(int number, AttributeData attribute, AttributeSource source)
    {
        if (FieldOf(number, source.Argument(0)) is not { } field)
        {
            return;
        }

        string name = attribute.ConstructorArguments.Length > 1 ? attribute.ConstructorArguments[1].Value as string ?? "" : field.Column;
        if (_mapped.ContainsKey(number))
        {
            faults.Add(Diagnostic.Create(Rules.DuplicateColumn, source.Whole, name));
        }
        else if (Column(name, source.Argument(1), source, field.Kind, field.Nullable) is { } column)
        {
            _mapped.Add(number, column with { Field = field.Name });
        }
        else
        {
            // The field is kept under another name, so its own name is not a second mapping.
            _ignored.Add(number);
        }
    }

    private void ParseComputed(string? name, string? member, AttributeSource source)
    {
        member ??= source.NameOf(1);
        IMethodSymbol? method = type.GetMembers(member ?? "").OfType<IMethodSymbol>().FirstOrDefault(IsComputation);
        if (method is null || KindOf(method.ReturnType) is not { } value)
        {
            faults.Add(Diagnostic.Create(
                Rules.WrongMember,
                source.Argument(1),
                properties: ImmutableDictionary<string, string?>.Empty
                    .Add(FixProperties.Member, member is { Length: > 0 } && type.GetMembers(member).IsEmpty ? member : null),
                name,
                member,
                "a string, short, int, long, double, decimal, bool, Guid or DateTimeOffset, or a nullable one"));
            return;
        }

        if (Column(name ?? "", source.Argument(0), source, value.Kind, value.Nullable) is { } column)
        {
            _computed.Add(
                column with { Computed = new Computation(ComputationName(column.Name), Literal.Name(method.Name), method.IsStatic) });
        }
    }

    private ColumnModel? Column(string name, Location location, AttributeSource source, ValueKind kind, bool nullable)
    {
        if (!Identifier.IsColumn(name))
        {
            faults.Add(Diagnostic.Create(
                Rules.NotAnIdentifier, location, FixProperties.Replace(Identifier.Nearest(name)), name, Identifier.Rule));
            return null;
        }

        if (!Claim(name, source.Whole))
        {
            return null;
        }

        int maxLength = source.Named<int>("MaxLength");
        Redaction redaction = (Redaction)source.Named<int>("Redaction");
        StoredType asked = (StoredType)source.Named<int>("Type");
        StoredType stored = asked == StoredType.Default ? ColumnModel.DefaultOf(kind) : asked;
        if (!ColumnModel.CanStore(kind, stored))
        {
            return Unfit(name, source.Argument("Type"), $"a value of type {kind} cannot be stored as {asked}; choose another Type");
        }

        bool isText = kind == ValueKind.Text && stored == StoredType.Text;
        if (maxLength < 0 || (maxLength > 0 && !isText))
        {
            return Unfit(name, source.Argument("MaxLength"), "MaxLength is for a text column only, and must be 1 or more");
        }

        if (!Enum.IsDefined(typeof(Redaction), redaction) || (redaction != Redaction.None && !isText))
        {
            return Unfit(name, source.Argument("Redaction"), "Redaction is for a text column only");
        }

        return new ColumnModel(name, null, null, kind, nullable, stored, maxLength, redaction);
    }

    private ColumnModel? Unfit(string name, Location location, string reason)
    {
        faults.Add(Diagnostic.Create(Rules.OptionDoesNotFit, location, name, reason));
        return null;
    }

    /// <summary>Returns <c>false</c> if the name is taken.</summary>
    private bool Claim(string name, Location? location)
    {
        if (!_names.TryGetValue(name, out Location? taken))
        {
            _names.Add(name, location ?? Location.None);
            return true;
        }

        // A field under its own name has no attribute to report at, but the attribute that took the name has.
        faults.Add(Diagnostic.Create(Rules.DuplicateColumn, location ?? taken, name));
        return false;
    }

    /// <summary>
    /// Returns the name of the generated method: <c>ComputeTenantId</c> for <c>tenant_id</c>, with a number if two
    /// columns would have the same.
    /// </summary>
    private string ComputationName(string column)
    {
        IEnumerable<string> words = column.Split('_').Where(static word => word.Length > 0);
        string name = "Compute" + string.Concat(words.Select(static word => char.ToUpperInvariant(word[0]) + word.Substring(1)));
        string unique = name;
        for (int i = 2; _computed.Any(other => other.Computed!.Method == unique); i++)
        {
            unique = name + i;
        }

        return unique;
    }

    private AttemptFieldModel? FieldOf(object? number, Location location)
    {
        AttemptFieldModel? field =
            AttemptFieldModel.All.FirstOrDefault(field => field.Number is var known && number is int asked && known == asked);
        if (field is null)
        {
            faults.Add(Diagnostic.Create(Rules.UnknownField, location, number));
        }

        return field;
    }

    private static bool IsComputation(IMethodSymbol method) =>
        method is { MethodKind: MethodKind.Ordinary, IsGenericMethod: false, RefKind: RefKind.None }
        && method.Parameters is [{ RefKind: RefKind.None } parameter]
        && parameter.Type.ToDisplayString(NullableFlowState.None) == "Adcp.Aot.Auditing.DeliveryAttempt";

    private static (ValueKind Kind, bool Nullable)? KindOf(ITypeSymbol type)
    {
        if (type is INamedTypeSymbol { OriginalDefinition.SpecialType: SpecialType.System_Nullable_T, TypeArguments: [{ } inner] })
        {
            return KindOf(inner) is { } value ? (value.Kind, true) : null;
        }

        return type.SpecialType switch
        {
            SpecialType.System_String => (ValueKind.Text, type.NullableAnnotation != NullableAnnotation.NotAnnotated),
            SpecialType.System_Int16 => (ValueKind.Int16, false),
            SpecialType.System_Int32 => (ValueKind.Int32, false),
            SpecialType.System_Int64 => (ValueKind.Int64, false),
            SpecialType.System_Double => (ValueKind.Double, false),
            SpecialType.System_Decimal => (ValueKind.Decimal, false),
            SpecialType.System_Boolean => (ValueKind.Boolean, false),
            _ => type.ToDisplayString() switch
            {
                "System.Guid" => (ValueKind.Guid, false),
                "System.DateTimeOffset" => (ValueKind.Time, false),
                _ => null,
            },
        };
    }
}
